/** What is settled is looked at again after about so long. */
export const RESYNC_MS = 300_000;
/**
 * So many such looks a second are had in one process, at most: what changes is heard of without them, and in a large cloud they would be all that
 * an idle process does. Beyond 12,000 objects each is looked at less often.
 */
const MOST_LOOKS = 40;

/** How often a process looks at objects that nothing asks it to look at. */
export interface Resync {
  /** The mean time between two looks at the same object. */
  meanMs(): number;
  /** Counts these objects too, until the answer is called. */
  include(count: () => number): () => void;
}

/** The mean time between two looks at each of so many objects. */
export function meanResyncMs(objects: number): number {
  return Math.max(RESYNC_MS, (objects / MOST_LOOKS) * 1000);
}

/** No objects are included. */
export function createResync(): Resync {
  const counts = new Set<() => number>();
  return {
    meanMs: () => meanResyncMs([...counts].reduce((sum, count) => sum + count(), 0)),
    include(count) {
      counts.add(count);
      return () => void counts.delete(count);
    },
  };
}
