/** Things that are due at a time, the earliest first; what was taken out or moved stays behind as a stale copy, which `isValid` tells. */
export interface Due<T> {
  add(item: T, atMs: number): void;
  /** When the earliest is due; infinity where there is none. */
  nextMs(): number;
  /** Takes out the earliest that is due by `nowMs`; undefined: none. */
  take(nowMs: number): T | undefined;
}

interface Slot<T> {
  readonly item: T;
  readonly atMs: number;
}

/** Why who sleeps until the earliest is woken. */
export const EARLIER = new Error('something is due earlier');

const MIN_STALE = 1024;

function siftUp<T>(heap: Slot<T>[], from: number): void {
  const slot = heap[from];
  if (slot === undefined) return;
  let at = from;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || parent.atMs <= slot.atMs) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = slot;
}

function siftDown<T>(heap: Slot<T>[], from: number): void {
  const slot = heap[from];
  if (slot === undefined) return;
  let at = from;
  for (;;) {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    const first = right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left;
    if (first === undefined || first.atMs >= slot.atMs) break;
    heap[at] = first;
    at = first === right ? 2 * at + 2 : 2 * at + 1;
  }
  heap[at] = slot;
}

/** A binary heap. `isValid` says whether an item is still due at that time; `live` how many are, about: when most are stale they are swept out. */
export function createDue<T>(isValid: (item: T, atMs: number) => boolean, live: () => number): Due<T> {
  let heap: Slot<T>[] = [];

  function pop(): void {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    siftDown(heap, 0);
  }

  function prune(): void {
    for (let [top] = heap; top !== undefined && !isValid(top.item, top.atMs); [top] = heap) pop();
  }

  return {
    add(item, atMs) {
      if (heap.length > MIN_STALE + 2 * live()) {
        // A sorted array is a heap.
        heap = heap.filter((slot) => isValid(slot.item, slot.atMs)).sort((one, other) => one.atMs - other.atMs);
      }
      heap.push({ item, atMs });
      siftUp(heap, heap.length - 1);
    },
    nextMs() {
      prune();
      return heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
    },
    take(nowMs) {
      prune();
      const [top] = heap;
      if (top === undefined || top.atMs > nowMs) return undefined;
      pop();
      return top.item;
    },
  };
}
