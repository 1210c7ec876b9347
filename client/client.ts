import type { KindDefinition } from '../apis/meta/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';

/** Names one object; `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ObjectList<O> {
  readonly resourceVersion: string;
  readonly items: readonly O[];
}

/** One change of one object; BOOKMARKs carry only a resourceVersion. */
export type ObjectEvent<O> =
  { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: O } | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** An object to be created: what the server fills in is absent. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name?: string;
    readonly generateName?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly [field: string]: unknown;
}

/** Typed requests to the API. Every call rejects with ApiError: the server's reason, or ServiceUnavailable or Timeout when no answer came. */
export interface Client {
  /** The object as of now (linearizable), or undefined. */
  get<O extends ApiObject>(kind: KindDefinition, key: ObjectKey, signal: AbortSignal): Promise<O | undefined>;
  /** All objects as of one moment (linearizable), read in pages. */
  list<O extends ApiObject>(kind: KindDefinition, options: ListOptions, signal: AbortSignal): Promise<ObjectList<O>>;
  create<O extends ApiObject>(kind: KindDefinition, object: NewObject, signal: AbortSignal): Promise<O>;
  /** PUT: Conflict unless the object still has its resourceVersion. */
  replace<O extends ApiObject>(kind: KindDefinition, object: O, signal: AbortSignal): Promise<O>;
  /** PUT /status: Conflict unless the object still has its resourceVersion. Equal content writes nothing. */
  replaceStatus<O extends ApiObject>(kind: KindDefinition, object: O, signal: AbortSignal): Promise<O>;
  /** PATCH with a merge patch (RFC 7396); with metadata.resourceVersion in it, Conflict when that is stale. */
  patch<O extends ApiObject>(
    kind: KindDefinition,
    key: ObjectKey,
    patch: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<O>;
  /** Asks for deletion; with `uid`, only of that object. NotFound counts as done. */
  delete(kind: KindDefinition, key: ObjectKey & { readonly uid?: string }, signal: AbortSignal): Promise<void>;
  /** Changes after `resourceVersion`, in order, with bookmarks. Rejects with ApiError Expired when it must be listed again. */
  watch<O extends ApiObject>(
    kind: KindDefinition,
    options: ListOptions & { readonly resourceVersion: string },
    signal: AbortSignal,
  ): AsyncIterable<ObjectEvent<O>>;
}

/** The key of an object. */
export function keyOf(object: { readonly metadata: { readonly name: string; readonly namespace?: string } }): ObjectKey {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}
