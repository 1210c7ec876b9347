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
  /** The changes after a version, oldest first and at most `most`; undefined where the log does not reach back that far. */
  after(resourceVersion: bigint, most?: number): readonly Change[] | undefined;
}

/** An empty log that begins after `start`. */
export function createChangeLog(start: bigint, limits: ChangeLogLimits): ChangeLog {
  let changes: Change[] = [];
  let floor = start;
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
    changes = changes.slice(drop);
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
    after(resourceVersion, most = Infinity) {
      if (resourceVersion < floor) return undefined;
      let low = 0;
      let high = changes.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((changes[middle]?.resourceVersion ?? 0n) <= resourceVersion) low = middle + 1;
        else high = middle;
      }
      return changes.slice(low, low + most);
    },
  };
}
