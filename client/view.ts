import type { KindDefinition } from '../apis/meta/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { ObjectKey } from './client.ts';

/** One change that a view saw; `old` is absent for a new object, `object` for one that is gone. A recreated object is gone first. */
export interface ViewChange<O extends ApiObject> {
  readonly old?: O;
  readonly object?: O;
}

/** All objects of one kind as the reflector last saw them: possibly stale, never torn. */
export interface View<O extends ApiObject> {
  readonly kind: KindDefinition;
  get(key: ObjectKey): O | undefined;
  list(): readonly O[];
  /** Resolves when the first list has arrived. */
  synced(signal: AbortSignal): Promise<void>;
  /** Resolves when the view has seen `resourceVersion` or something newer; rejects with ApiError Timeout after 10 s. */
  reached(resourceVersion: string, signal: AbortSignal): Promise<void>;
  /** Calls `listener` for each change from now on, after the view has taken it in; returns how to stop. Must not throw. */
  onChange(listener: (change: ViewChange<O>) => void): () => void;
}
