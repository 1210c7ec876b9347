import type { Entry } from './entry.ts';
import type { Snapshot } from './sorted-entries.ts';
import { nextTurn } from './turn.ts';

/** Entries in key order as of one moment, read in slices. */
export interface Rows {
  readonly size: number;
  slice(start: number, end: number): readonly Entry[];
  /** The position of the first entry whose key is above `key`. */
  above(key: string): number;
}

/** The rows of a snapshot whose keys begin with `prefix`. */
export function rowsIn(snapshot: Snapshot, prefix: string): Rows {
  const start = snapshot.below(prefix);
  const size = snapshot.below(`${prefix}\u{10ffff}`) - start;
  return {
    size,
    slice: (from, to) => snapshot.slice(start + from, start + Math.min(to, size)),
    // No key has a zero character, so nothing lies between a key and the same with one more.
    above: (key) => Math.min(size, Math.max(0, snapshot.below(`${key}\0`) - start)),
  };
}

/** Rows over entries that are in key order. */
export function rowsOver(entries: readonly Entry[]): Rows {
  return {
    size: entries.length,
    slice: (start, end) => entries.slice(start, end),
    above(key) {
      const at = entries.findIndex((entry) => entry.key > key);
      return at < 0 ? entries.length : at;
    },
  };
}

/** A stretch of other rows, or one entry in its own right, and where it begins. */
interface Piece {
  readonly start: number;
  readonly size: number;
  readonly from: number;
  readonly entry: Entry | undefined;
}

/** Rows with some keys put back to what they were; costs as much as there are such keys, and no more. */
export function rowsBefore(rows: Rows, then: ReadonlyMap<string, Entry | undefined>): Rows {
  const pieces: Piece[] = [];
  let [size, next] = [0, 0];
  const add = (count: number, from: number, entry: Entry | undefined): void => {
    if (count > 0) pieces.push({ start: size, size: count, from, entry });
    size += count;
  };
  for (const [key, entry] of [...then].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    const above = rows.above(key);
    const here = above > 0 && rows.slice(above - 1, above)[0]?.key === key;
    const below = here ? above - 1 : above;
    add(below - next, next, undefined);
    next = above;
    if (entry !== undefined) add(1, 0, entry);
  }
  add(rows.size - next, next, undefined);

  /** The first piece that does not end before a position. */
  function pieceAt(position: number): number {
    let low = 0;
    for (let high = pieces.length; low < high;) {
      const middle = (low + high) >> 1;
      const piece = pieces[middle];
      if (piece !== undefined && piece.start + piece.size <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  function slice(start: number, end: number): readonly Entry[] {
    const found: (readonly Entry[])[] = [];
    for (let at = pieceAt(start); ; at += 1) {
      const piece = pieces[at];
      if (piece === undefined || piece.start >= end) return found.flat();
      const first = piece.from + Math.max(0, start - piece.start);
      found.push(piece.entry === undefined ? rows.slice(first, piece.from + Math.min(piece.size, end - piece.start)) : [piece.entry]);
    }
  }
  return {
    size,
    slice,
    above(key) {
      let low = 0;
      for (let high = size; low < high;) {
        const middle = (low + high) >> 1;
        if ((slice(middle, middle + 1)[0]?.key ?? '') <= key) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}

const SLICE = 1024;

/** Visits all rows in their order, in slices between which others have their turn. */
export async function visitRows(rows: Rows, visit: (entry: Entry) => void, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < rows.size; at += SLICE) {
    if (at > 0) await nextTurn(signal);
    for (const entry of rows.slice(at, at + SLICE)) visit(entry);
  }
}
