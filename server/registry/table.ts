import type { ApiObject } from '../../apis/meta/object.ts';
import { createChangeLog, type Change, type ChangeLog, type ChangeLogLimits } from './change-log.ts';

export interface Row {
  readonly key: string;
  readonly object: ApiObject;
}

/** All stored objects of one resource, by key, with their newest changes. */
export interface Table {
  get(key: string): ApiObject | undefined;
  /** Rows whose key begins with `prefix`, in key order. The answer never changes afterwards. */
  rows(prefix: string): readonly Row[];
  /** As `rows`, at an older version; undefined where the change log does not reach back that far. */
  rowsAt(prefix: string, resourceVersion: bigint): readonly Row[] | undefined;
  put(row: Row, resourceVersion: bigint, size: number): Change;
  /** Undefined when there was nothing to remove. */
  remove(key: string, resourceVersion: bigint): Change | undefined;
  readonly log: ChangeLog;
}

function byKey(left: Row, right: Row): number {
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

/** The first index whose key is not less than `key`. */
function lowerBound(rows: readonly Row[], key: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function withPrefix(rows: readonly Row[], prefix: string): readonly Row[] {
  return rows.slice(lowerBound(rows, prefix), lowerBound(rows, `${prefix}\u{10ffff}`));
}

/** A table filled with `rows` as of `resourceVersion`. */
export function createTable(rows: readonly Row[], resourceVersion: bigint, limits: ChangeLogLimits): Table {
  const objects = new Map(rows.map(({ key, object }) => [key, object]));
  const log = createChangeLog(resourceVersion, limits);
  let sorted: readonly Row[] | undefined;

  function all(): readonly Row[] {
    sorted ??= [...objects].map(([key, object]) => ({ key, object })).sort(byKey);
    return sorted;
  }

  return {
    log,
    get: (key) => objects.get(key),
    rows: (prefix) => withPrefix(all(), prefix),
    rowsAt(prefix, version) {
      const later = log.after(version);
      if (later === undefined) return undefined;
      const then = new Map(this.rows(prefix).map(({ key, object }) => [key, object]));
      for (const { key, before } of later.toReversed()) {
        if (!key.startsWith(prefix)) continue;
        if (before === undefined) then.delete(key);
        else then.set(key, before);
      }
      return [...then].map(([key, object]) => ({ key, object })).sort(byKey);
    },
    put({ key, object }, version, size) {
      const change = { key, resourceVersion: version, before: objects.get(key), after: object, size };
      objects.set(key, object);
      sorted = undefined;
      log.add(change);
      return change;
    },
    remove(key, version) {
      const before = objects.get(key);
      if (before === undefined) return undefined;
      objects.delete(key);
      sorted = undefined;
      const change = { key, resourceVersion: version, before, after: undefined, size: 0 };
      log.add(change);
      return change;
    },
  };
}
