import { createChangeLog, type Change, type ChangeLog, type ChangeLogLimits } from './change-log.ts';
import type { Entry } from './entry.ts';
import { createEntryIndex } from './entry-index.ts';
import { rowsBefore, rowsIn, rowsOver, type Rows } from './rows.ts';
import { createSortedEntries } from './sorted-entries.ts';

/** All stored objects of one resource, by key, with their newest changes. */
export interface Table {
  get(key: string): Entry | undefined;
  /** Entries whose key begins with `prefix`, in key order. The answer never changes afterwards. */
  rows(prefix: string): Rows;
  /** All of `rows` at once. */
  all(prefix: string): readonly Entry[];
  /** As `rows`, at an older version; undefined where the change log does not reach back that far. */
  rowsAt(prefix: string, resourceVersion: bigint): Rows | undefined;
  /** As `rows`, of those that meet the rarest of some conditions of the index; undefined where they are so many that a scan is better. */
  found(prefix: string, tokens: readonly string[]): Rows | undefined;
  /** Puts in what the table begins with: no change of it. */
  load(entry: Entry): void;
  put(entry: Entry): Change;
  /** Undefined when there was nothing to remove. */
  remove(key: string, resourceVersion: bigint): Change | undefined;
  readonly log: ChangeLog;
}

/** So many are sorted in one go. */
const MOST_FOUND = 4096;

function byKey(left: Entry, right: Entry): number {
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

/** An empty table, to be loaded with the entries as of `resourceVersion`. */
export function createTable(resourceVersion: bigint, limits: ChangeLogLimits): Table {
  const sorted = createSortedEntries();
  const index = createEntryIndex();
  const log = createChangeLog(resourceVersion, limits);
  const rows = (prefix: string): Rows => rowsIn(sorted.snapshot(), prefix);
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
      return then.size === 0 ? rows(prefix) : rowsBefore(rows(prefix), then);
    },
    found(prefix, tokens) {
      const [rarest] = tokens.toSorted((left, right) => index.count(left) - index.count(right));
      if (rarest === undefined || index.count(rarest) > MOST_FOUND) return undefined;
      const entries = index.find(rarest).filter(({ key }) => key.startsWith(prefix));
      return rowsOver(entries.sort(byKey));
    },
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
