import { createChangeLog, type Change, type ChangeLog, type ChangeLogLimits } from './change-log.ts';
import type { Entry } from './entry.ts';
import { createEntryIndex } from './entry-index.ts';
import { createSortedEntries } from './sorted-entries.ts';

/** Entries in key order as of one moment, read in slices. */
export interface Rows {
  readonly size: number;
  slice(start: number, end: number): readonly Entry[];
  /** The position of the first entry whose key is above `key`. */
  above(key: string): number;
}

/** All stored objects of one resource, by key, with their newest changes. */
export interface Table {
  get(key: string): Entry | undefined;
  /** Entries whose key begins with `prefix`, in key order. The answer never changes afterwards. */
  rows(prefix: string): Rows;
  /** All of `rows` at once. */
  all(prefix: string): readonly Entry[];
  /** As `rows`, at an older version; undefined where the change log does not reach back that far. */
  rowsAt(prefix: string, resourceVersion: bigint): Rows | undefined;
  /** As `rows`, of those that meet a condition of the index. */
  found(prefix: string, token: string): Rows;
  /** Puts in what the table begins with: no change of it. */
  load(entry: Entry): void;
  put(entry: Entry): Change;
  /** Undefined when there was nothing to remove. */
  remove(key: string, resourceVersion: bigint): Change | undefined;
  readonly log: ChangeLog;
}

function byKey(left: Entry, right: Entry): number {
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

/** Rows over entries that are in key order. */
function rowsOver(entries: readonly Entry[]): Rows {
  return {
    size: entries.length,
    slice: (start, end) => entries.slice(start, end),
    above(key) {
      const at = entries.findIndex((entry) => entry.key > key);
      return at < 0 ? entries.length : at;
    },
  };
}

/** An empty table, to be loaded with the entries as of `resourceVersion`. */
export function createTable(resourceVersion: bigint, limits: ChangeLogLimits): Table {
  const sorted = createSortedEntries();
  const index = createEntryIndex();
  const log = createChangeLog(resourceVersion, limits);

  function rows(prefix: string): Rows {
    const snapshot = sorted.snapshot();
    const start = snapshot.below(prefix);
    const size = snapshot.below(`${prefix}\u{10ffff}`) - start;
    return {
      size,
      slice: (from, to) => snapshot.slice(start + from, start + Math.min(to, size)),
      // No key has a zero character, so nothing lies between a key and the same with one more.
      above: (key) => Math.min(size, Math.max(0, snapshot.below(`${key}\0`) - start)),
    };
  }

  return {
    log,
    get: (key) => sorted.get(key),
    rows,
    all(prefix) {
      const now = rows(prefix);
      return now.slice(0, now.size);
    },
    rowsAt(prefix, version) {
      const later = log.after(version);
      if (later === undefined) return undefined;
      const then = new Map<string, Entry | undefined>();
      for (const { key, before } of later.toReversed()) if (key.startsWith(prefix)) then.set(key, before);
      const now = rows(prefix);
      if (then.size === 0) return now;
      const same = now.slice(0, now.size).filter(({ key }) => !then.has(key));
      return rowsOver([...same, ...[...then.values()].filter((entry) => entry !== undefined)].sort(byKey));
    },
    found: (prefix, token) =>
      rowsOver(
        index
          .find(token)
          .filter(({ key }) => key.startsWith(prefix))
          .sort(byKey),
      ),
    load(entry) {
      sorted.put(entry);
      index.add(entry);
    },
    put(entry) {
      const before = sorted.put(entry);
      if (before !== undefined) index.remove(before);
      index.add(entry);
      const { key, resourceVersion: version } = entry;
      const change = { key, resourceVersion: version, before, after: entry, size: entry.value.length };
      log.add(change);
      return change;
    },
    remove(key, version) {
      const before = sorted.remove(key);
      if (before === undefined) return undefined;
      index.remove(before);
      const change = { key, resourceVersion: version, before, after: undefined, size: before.value.length };
      log.add(change);
      return change;
    },
  };
}
