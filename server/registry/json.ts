/** A JSON object whose fields are not known here. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a JSON value is an object (not a list, not null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a JSON value is a list. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Whether two JSON values are the same, whatever the order of their keys. A field that is undefined counts as absent. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isList(left)) return isList(right) && left.length === right.length && left.every((item, index) => sameJson(item, right[index]));
  if (!isObject(left) || !isObject(right)) return false;
  const present = (object: JsonObject): string[] => Object.keys(object).filter((key) => object[key] !== undefined);
  const keys = present(left);
  return keys.length === present(right).length && keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]));
}

/** The value at a dotted path of own fields, or undefined. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const field of path.split('.').filter((part) => part !== '')) {
    if (!isObject(value) || !Object.hasOwn(value, field)) return undefined;
    value = value[field];
  }
  return value;
}

/** A copy of an object without some of its fields. */
export function without(object: JsonObject, ...fields: readonly string[]): JsonObject {
  const rest: Record<string, unknown> = {};
  for (const field of Object.keys(object)) if (!fields.includes(field)) rest[field] = object[field];
  return rest;
}

/** An object with each field as `map` has it, without those that it gives as `absent`; the same object where that changes nothing. */
export function mapFields(object: JsonObject, map: (field: string, value: unknown) => unknown, absent: symbol): JsonObject {
  const fields = Object.keys(object);
  let copy: Record<string, unknown> | undefined;
  for (const [at, field] of fields.entries()) {
    const value = object[field];
    const mapped = map(field, value);
    if (copy === undefined) {
      if (mapped === value) continue;
      copy = {};
      for (const before of fields.slice(0, at)) copy[before] = object[before];
    }
    if (mapped !== absent) copy[field] = mapped;
  }
  return copy ?? object;
}

/** A list with each item as `map` has it; the same list where that changes nothing. */
export function mapItems(list: readonly unknown[], map: (item: unknown, index: number) => unknown): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (const [index, item] of list.entries()) {
    const mapped = map(item, index);
    if (copy === undefined && mapped !== item) copy = list.slice(0, index);
    copy?.push(mapped);
  }
  return copy ?? list;
}

/** Freezes a JSON value to its leaves, so that a change of shared data is an error and not a surprise. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
