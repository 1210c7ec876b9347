import type { ApiObject, OwnerReference } from '../../apis/meta/object.ts';
import type { StoredObject } from '../store/store.ts';
import { withResourceVersion } from './codec.ts';
import { deepFreeze, isObject, valueAt } from './json.ts';
import type { Resource } from './resource.ts';

/** What the entries of one stored resource have in common. */
export interface EntryShape {
  /** What the text of an object begins with, up to where its resourceVersion goes. */
  readonly head: string;
  /** Paths of the fields that selectors may name. */
  readonly fields: readonly string[];
  /** Freezes parsed objects, for tests. */
  readonly freeze: boolean;
}

/**
 * One stored object in the cache: its text once, and the little that selectors and garbage collection ask of every object. The parsed
 * object is made when it is asked for, and shared while somebody holds it.
 */
export interface Entry {
  readonly shape: EntryShape;
  readonly key: string;
  readonly resourceVersion: bigint;
  /** JSON text without resourceVersion, which begins with the head of the shape. */
  readonly value: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly owners: readonly OwnerReference[] | undefined;
  /** Whether its deletion has begun. */
  readonly going: boolean;
  /** Texts at `shape.fields`, in their order. */
  readonly fields: readonly string[];
  parsed: WeakRef<ApiObject> | undefined;
}

const NO_FIELDS: readonly string[] = [];

/** The shape of what is stored for a resource that is no face of another. */
export function shapeOf({ apiVersion, kind }: Resource, freeze: boolean): EntryShape {
  const head = `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind.kind)},"metadata":{`;
  return { head, fields: kind.selectableFields, freeze };
}

/** What a field selector compares: text as it is, numbers and booleans as text, nothing else. */
export function textAt(object: unknown, path: string): string {
  const value = valueAt(object, path);
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** The text with apiVersion, kind and metadata in front, as the shape has it; what was written by us is so already. */
function normalised(object: ApiObject, { head }: EntryShape, value: string): string {
  if (value.startsWith(head)) return value;
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object as ApiObject & Readonly<Record<string, unknown>>;
  const inner = JSON.stringify(metadata).slice(1);
  const tail = JSON.stringify(rest).slice(1);
  return `${head}${inner}${tail === '}' ? '' : ','}${tail}`;
}

/** The entry of a stored object. */
export function entryOf({ key, value, resourceVersion }: StoredObject, shape: EntryShape): Entry {
  const object = JSON.parse(value) as ApiObject;
  const { uid, labels, ownerReferences, deletionTimestamp } = object.metadata;
  return {
    shape,
    key,
    resourceVersion,
    value: normalised(object, shape, value),
    uid,
    labels: isObject(labels) ? labels : undefined,
    owners: ownerReferences,
    going: deletionTimestamp !== undefined,
    fields: shape.fields.length === 0 ? NO_FIELDS : shape.fields.map((path) => textAt(object, path)),
    parsed: undefined,
  };
}

/** The stored object as the API shows it; nobody may change it. */
export function objectOf(entry: Entry): ApiObject {
  const known = entry.parsed?.deref();
  if (known !== undefined) return known;
  const object = withResourceVersion(JSON.parse(entry.value) as ApiObject, entry.resourceVersion);
  if (entry.shape.freeze) deepFreeze(object);
  entry.parsed = new WeakRef(object);
  return object;
}

/** The object as a resource serves it: the same one as long as somebody holds it. */
export function objectIn(resource: Resource, entry: Entry): ApiObject {
  return resource.fromStored(objectOf(entry));
}

/** The text of the object as a resource serves it, at its own version or a later one. */
export function textIn(resource: Resource, entry: Entry, resourceVersion = entry.resourceVersion): string {
  const { head } = entry.shape;
  if (resource.kind.storedAs === undefined)
    return `${head}"resourceVersion":"${String(resourceVersion)}",${entry.value.slice(head.length)}`;
  return JSON.stringify(withResourceVersion(objectIn(resource, entry), resourceVersion));
}
