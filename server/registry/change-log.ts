import type { Entry } from './entry.ts';

/** One change of one object; at least one of `before` and `after` is there. */
export interface Change {
  readonly key: string;
  readonly resourceVersion: bigint;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
  /** Characters of stored text that this change keeps alive. */
  readonly size: number;
}

export interface ChangeLogLimits {
  readonly changes: number;
  readonly size: number;
}

/** The newest changes of one resource, bounded in number and size. */
export interface ChangeLog {
  /** The log holds every change after this version. */
  readonly floor: bigint;
  add(change: Change): void;
  /** The changes after a version, oldest first; undefined where the log does not reach back that far. */
  after(resourceVersion: bigint): readonly Change[] | undefined;
  /** The place of the first change after a version, also of one that is yet to come: places count all changes that there ever were. */
  placeAfter(resourceVersion: bigint): number;
  /** The first place that the log still holds. */
  readonly first: number;
  /** The change at a place; undefined where the log holds none yet, or no more. */
  at(place: number): Change | undefined;
}

/** An empty log that begins after `start`. */
export function createChangeLog(start: bigint, limits: ChangeLogLimits): ChangeLog {
  let changes: Change[] = [];
  let floor = start;
  let first = 0;
  let size = 0;

  function trim(): void {
    // A quarter more than the limit is tolerated, so that a trim is paid for by many additions.
    if (changes.length <= limits.changes * 1.25 && size <= limits.size * 1.25) return;
    let drop = 0;
    while (drop < changes.length && (changes.length - drop > limits.changes || size > limits.size)) {
      size -= changes[drop]?.size ?? 0;
      drop += 1;
    }
    floor = changes[drop - 1]?.resourceVersion ?? floor;
    first += drop;
    changes = changes.slice(drop);
  }
  function indexAfter(resourceVersion: bigint): number {
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((changes[middle]?.resourceVersion ?? 0n) <= resourceVersion) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    get floor() {
      return floor;
    },
    add(change) {
      changes.push(change);
      size += change.size;
      trim();
    },
    after: (resourceVersion) => (resourceVersion < floor ? undefined : changes.slice(indexAfter(resourceVersion))),
    placeAfter: (resourceVersion) => first + indexAfter(resourceVersion),
    get first() {
      return first;
    },
    at: (place) => changes[place - first],
  };
}
