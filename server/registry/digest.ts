import { WRITES_PER_REVISION, type OutlinePage } from '../store/store.ts';
import type { Rows } from './rows.ts';
import { prefixOf, type Tables } from './tables.ts';
import { nextTurn } from './turn.ts';

/** One table at the moment of the comparison. */
interface Compared {
  readonly rows: Rows;
  /** Changed after the moment that the store tells of. */
  readonly changed: ReadonlySet<string>;
  same: number;
}

/** The tables as they are now; undefined where their logs do not reach back to `resourceVersion`. */
function compareFrom(tables: Tables, resourceVersion: bigint): ReadonlyMap<string, Compared> | undefined {
  const compared = new Map<string, Compared>();
  for (const [prefix, table] of tables.now()) {
    const later = table.log.after(resourceVersion);
    if (later === undefined) return undefined;
    compared.set(prefix, { rows: table.rows(prefix), changed: new Set(later.map(({ key }) => key)), same: 0 });
  }
  return compared;
}

function versionIn({ rows }: Compared, key: string): bigint | undefined {
  const at = rows.above(key) - 1;
  const [entry] = at < 0 ? [] : rows.slice(at, at + 1);
  return entry?.key === key ? entry.resourceVersion : undefined;
}

/**
 * Compares tables with the keys and revisions that their store tells of one moment, page by page; answers the first difference in words.
 * What changes meanwhile is left out: the watch has just told of it.
 */
export async function findDifference(
  outline: AsyncIterable<OutlinePage>,
  tables: Tables,
  caughtUp: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<string | undefined> {
  let compared: ReadonlyMap<string, Compared> | undefined;
  for await (const { resourceVersion, places } of outline) {
    if (compared === undefined) {
      await caughtUp(signal);
      compared = compareFrom(tables, resourceVersion);
      if (compared === undefined) return undefined;
    }
    for (const { key, upTo } of places) {
      const table = compared.get(prefixOf(key));
      if (table === undefined || table.changed.has(key)) continue;
      const known = versionIn(table, key);
      if (known === undefined) return `${key} is missing`;
      if (known > upTo || known <= upTo - WRITES_PER_REVISION) return `${key} is of version ${String(known)}, not ${String(upTo)}`;
      table.same += 1;
    }
    await nextTurn(signal);
  }
  for (const [prefix, table] of compared ?? []) {
    const { rows, changed, same } = table;
    const excepted = [...changed].filter((key) => versionIn(table, key) !== undefined).length;
    if (rows.size - excepted !== same) return `${prefix} has ${String(rows.size - excepted - same)} objects that are gone`;
  }
  return undefined;
}
