/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether two JSON values are the same, in whatever order their keys stand. */
export function sameJson(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => sameJson(item, other[index]));
  if (!isObject(one) || !isObject(other)) return Object.is(one, other);
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && sameJson(one[key], other[key]));
}

/**
 * The merge patch (RFC 7396) of a three-way apply: what `wanted` sets and `live` has otherwise, and null for what `applied` (the last
 * applied manifest) had and `wanted` has no more. Fields that others set in `live` stay. Undefined where nothing is to be changed.
 */
export function applyPatch(applied: JsonObject, wanted: JsonObject, live: JsonObject): JsonObject | undefined {
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const now = live[key];
    if (isObject(value) && isObject(now)) {
      const before = applied[key];
      const inner = applyPatch(isObject(before) ? before : {}, value, now);
      if (inner !== undefined) patch[key] = inner;
    } else if (!Object.hasOwn(live, key) || !sameJson(value, now)) patch[key] = value;
  }
  for (const key of Object.keys(applied)) {
    if (!Object.hasOwn(wanted, key) && Object.hasOwn(live, key)) patch[key] = null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
