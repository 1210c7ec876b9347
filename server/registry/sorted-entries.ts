import type { Entry } from './entry.ts';

/** Entries in key order, as of one moment. */
export interface Snapshot {
  readonly size: number;
  /** How many entries have a key below `key`. */
  below(key: string): number;
  /** The entries from one position up to, and without, another. */
  slice(start: number, end: number): readonly Entry[];
}

/** Entries in key order; a snapshot costs next to nothing, and a change copies at most one chunk. */
export interface SortedEntries {
  get(key: string): Entry | undefined;
  /** Puts an entry in; answers the one that had its key. */
  put(entry: Entry): Entry | undefined;
  /** Takes an entry out; answers it. */
  remove(key: string): Entry | undefined;
  snapshot(): Snapshot;
}

interface Chunk {
  entries: Entry[];
  /** Chunks of an older epoch are part of a snapshot, and copied before they change. */
  epoch: number;
}

const CHUNK = 512;

function lowerBound(entries: readonly Entry[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last of some parts whose first key is not above `key`, else the first. */
function partFor(firstKeys: (index: number) => string, count: number, key: string): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (firstKeys(middle) <= key) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function snapshotOf(chunks: readonly Chunk[]): Snapshot {
  const parts = chunks.map(({ entries }) => entries);
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.length;
  }
  return {
    size,
    below(key) {
      const at = partFor((index) => parts[index]?.[0]?.key ?? '', parts.length, key);
      return (starts[at] ?? 0) + lowerBound(parts[at] ?? [], key);
    },
    slice(start, end) {
      const found: (readonly Entry[])[] = [];
      let low = 0;
      for (let high = parts.length; low < high;) {
        const middle = (low + high) >> 1;
        if ((starts[middle] ?? 0) + (parts[middle]?.length ?? 0) <= start) low = middle + 1;
        else high = middle;
      }
      for (let at = low; at < parts.length && (starts[at] ?? 0) < end; at += 1) {
        const first = starts[at] ?? 0;
        found.push(parts[at]?.slice(Math.max(0, start - first), end - first) ?? []);
      }
      return found.flat();
    },
  };
}

/** No entries yet. */
export function createSortedEntries(): SortedEntries {
  let epoch = 0;
  const chunks: Chunk[] = [{ entries: [], epoch }];
  let current: Snapshot | undefined;

  /** The entries of a chunk, to be changed. */
  function own(at: number): Entry[] {
    current = undefined;
    const chunk = chunks[at] ?? { entries: [], epoch: -1 };
    if (chunk.epoch !== epoch) chunks[at] = { entries: chunk.entries.slice(), epoch };
    return chunks[at]?.entries ?? [];
  }

  function find(key: string): { readonly chunk: number; readonly at: number; readonly entry: Entry | undefined } {
    const last = chunks.at(-1)?.entries ?? [];
    // What is put in key order is not searched for.
    if ((last.at(-1)?.key ?? '') < key) return { chunk: chunks.length - 1, at: last.length, entry: undefined };
    const chunk = partFor((index) => chunks[index]?.entries[0]?.key ?? '', chunks.length, key);
    const entries = chunks[chunk]?.entries ?? [];
    const at = lowerBound(entries, key);
    const entry = entries[at];
    return { chunk, at, entry: entry?.key === key ? entry : undefined };
  }

  return {
    get: (key) => find(key).entry,
    put(entry) {
      const { chunk, at, entry: before } = find(entry.key);
      const entries = own(chunk);
      entries.splice(at, before === undefined ? 0 : 1, entry);
      if (entries.length > 2 * CHUNK) chunks.splice(chunk + 1, 0, { entries: entries.splice(CHUNK), epoch });
      return before;
    },
    remove(key) {
      const { chunk, at, entry } = find(key);
      if (entry === undefined) return undefined;
      const entries = own(chunk);
      entries.splice(at, 1);
      if (entries.length === 0 && chunks.length > 1) chunks.splice(chunk, 1);
      return entry;
    },
    snapshot() {
      if (current === undefined) {
        current = snapshotOf(chunks);
        epoch += 1;
      }
      return current;
    },
  };
}
