import type { Loop } from './loop.ts';

const EVERY_MS = 60_000;
const KEEP_MS = 5 * 60_000;

interface Mark {
  readonly atMs: number;
  readonly resourceVersion: bigint;
}

/** Lets the store forget what happened more than about five minutes ago. */
export async function compactHistory({ store, clock }: Loop, signal: AbortSignal): Promise<void> {
  let marks: readonly Mark[] = [];
  for (;;) {
    const now = clock.monotonic();
    const due = marks.findLast(({ atMs }) => atMs <= now - KEEP_MS);
    if (due !== undefined) await store.compact(due.resourceVersion, signal);
    marks = [...marks.filter(({ atMs }) => atMs > (due?.atMs ?? -Infinity)), { atMs: now, resourceVersion: await store.revision(signal) }];
    await clock.sleep(EVERY_MS, signal);
  }
}
