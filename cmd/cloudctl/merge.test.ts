import fc from 'fast-check';
import { applyPatch, type JsonObject } from './merge.ts';

/** RFC 7396, written down a second time so that the patch is judged by something else. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = merge(result[key], value);
  }
  return result;
}

test('a field that only somebody else set stays', () => {
  expect(applyPatch({ a: 1 }, { a: 1 }, { a: 1, b: 2 })).toBeUndefined();
});

test('a field that was applied before and is gone from the manifest is removed', () => {
  expect(applyPatch({ a: 1, b: { c: 1, d: 2 } }, { b: { c: 1 } }, { a: 1, b: { c: 1, d: 2 } })).toEqual({ a: null, b: { d: null } });
});

test('a list is replaced as a whole, and an equal one is left alone', () => {
  expect(applyPatch({}, { list: [{ a: 1 }] }, { list: [{ a: 2 }] })).toEqual({ list: [{ a: 1 }] });
  expect(applyPatch({}, { list: [{ a: 1 }] }, { list: [{ a: 1 }] })).toBeUndefined();
});

const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.array(fc.integer(), { maxLength: 3 }));
const key = fc.constantFrom('a', 'b', 'c');
const json = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf))) as fc.Arbitrary<JsonObject>;

test('after the patch everything wanted is so, and applying again changes nothing', () => {
  fc.assert(
    fc.property(json, json, json, (applied, wanted, live) => {
      const patch = applyPatch(applied, wanted, live);
      const result = (patch === undefined ? live : merge(live, patch)) as JsonObject;
      expect(result).toMatchObject(wanted);
      expect(applyPatch(wanted, wanted, result)).toBeUndefined();
    }),
  );
});
