import { NOTHING, totalOf, type Amounts, type Sum } from '../apis/meta/amounts.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { cacheKey } from './reflector.ts';
import type { View } from './view.ts';

const NONE: Sum = { count: 0, amounts: NOTHING };

/** A view's objects by keys that each has: found without a look at all of them. */
export interface ViewIndex<O extends ApiObject> {
  /** The objects that have the key, in no order. */
  of(key: string): readonly O[];
  /** How many those are. */
  count(key: string): number;
}

/** Keeps an index of a view, for as long as the view is told of changes. `keysOf` sees the object alone. */
export function indexView<O extends ApiObject>(view: View<O>, keysOf: (object: O) => readonly (string | undefined)[]): ViewIndex<O> {
  const found = new Map<string, Map<string, O>>();
  const put = (object: O): void => {
    for (const key of keysOf(object)) {
      if (key === undefined) continue;
      const those = found.get(key) ?? new Map<string, O>();
      found.set(key, those.set(cacheKey(object.metadata), object));
    }
  };
  const drop = (object: O): void => {
    for (const key of keysOf(object)) {
      const those = key === undefined ? undefined : found.get(key);
      those?.delete(cacheKey(object.metadata));
      if (key !== undefined && those?.size === 0) found.delete(key);
    }
  };
  for (const object of view.list()) put(object);
  view.onChange(({ old, object }) => {
    if (old !== undefined) drop(old);
    if (object !== undefined) put(object);
  });
  return { of: (key) => [...(found.get(key)?.values() ?? [])], count: (key) => found.get(key)?.size ?? 0 };
}

/** How many of a view's objects have a key, and what they come to. */
export interface ViewSum {
  of(key: string): Sum;
}

/**
 * Keeps sums over a view's objects by key, for as long as the view is told of changes. `termOf` sees the object alone; undefined: it does not
 * count. Amounts are whole numbers, so that nothing is left over when they are taken away again.
 */
export function sumView<O extends ApiObject>(
  view: View<O>,
  termOf: (object: O) => { readonly key: string; readonly amounts: Amounts } | undefined,
): ViewSum {
  const sums = new Map<string, Sum>();
  const add = (object: O | undefined, sign: 1 | -1): void => {
    const term = object === undefined ? undefined : termOf(object);
    if (term === undefined) return;
    const { cpus, memoryBytes, storageBytes } = term.amounts;
    const signed = { cpus: sign * cpus, memoryBytes: sign * memoryBytes, storageBytes: sign * storageBytes };
    const next = totalOf([sums.get(term.key) ?? NONE, { count: sign, amounts: signed }]);
    if (next.count === 0) sums.delete(term.key);
    else sums.set(term.key, next);
  };
  for (const object of view.list()) add(object, 1);
  view.onChange(({ old, object }) => {
    add(old, -1);
    add(object, 1);
  });
  return { of: (key) => sums.get(key) ?? NONE };
}
