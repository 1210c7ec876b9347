import { createBarrier } from './barrier.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Store } from '../store/store.ts';
import type { Deadlines } from './deadlines.ts';
import type { Progress } from './progress.ts';

/** Of no resource: whoever judges the objects of a store leaves what begins with `progress/` out. */
const KEY = 'progress/nudge';
/** How long a read waits for a watch that stands before it makes the watch move. */
const NUDGE_MS = 250;

/**
 * Makes the watch move where it would stand: a store whose revisions others use up too (an etcd that is shared) can be at a revision of
 * which the watch will never hear. One small write, shared by all who wait, gives it something to hear of.
 */
function createNudge(store: Store, clock: Clock, onTrouble: (error: unknown) => void): () => Promise<void> {
  const never = new AbortController().signal;
  const write = async (): Promise<void> => {
    const value = JSON.stringify({ at: clock.now() });
    const before = await store.get(KEY, never);
    if (before === undefined) await store.write({ do: 'create', key: KEY, value }, never);
    // Where another server was faster, its write moves our watch as well.
    else await store.write({ do: 'replace', key: KEY, value, resourceVersion: before.resourceVersion }, never);
  };
  const shared = createBarrier(write);
  return () => shared().catch(onTrouble);
}

/** Waits until a cache has seen everything that was acknowledged before it was asked to wait. */
export function createFreshness(
  store: Store,
  clock: Clock,
  progress: Progress,
  deadlines: Deadlines,
  onTrouble: (error: unknown) => void,
): (signal: AbortSignal) => Promise<void> {
  const newest = createBarrier(() => store.revision(new AbortController().signal));
  const nudge = createNudge(store, clock, onTrouble);
  /** Nudges once, when the watch has not moved for a while; the answer calls it off. */
  function nudgeWhenStanding(): () => void {
    const before = progress.at();
    let forget = deadlines.set(NUDGE_MS, () => {
      if (progress.at() === before) void nudge();
      else forget = nudgeWhenStanding();
    });
    return () => {
      forget();
    };
  }
  return async (signal) => {
    const resourceVersion = await newest();
    if (progress.at() >= resourceVersion) return;
    await progress.reached(resourceVersion, signal).finally(nudgeWhenStanding());
  };
}
