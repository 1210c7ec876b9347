import type { Clock } from '../../apis/meta/clock.ts';

/** Many deadlines that one sleeper waits for: most are never reached, so setting one and forgetting it must cost next to nothing. */
export interface Deadlines {
  /** Calls `late` in `ms` milliseconds, unless the answer is called before. */
  set(ms: number, late: () => void): () => void;
}

/** The sleeper wakes this often while there are deadlines, and so is gone soon after the last: a process that ends waits for it. */
const TICK_MS = 50;

interface Deadline {
  /** By the monotonic clock. */
  readonly at: number;
  readonly late: () => void;
}

/** Deadlines by a clock; none is set yet. */
export function createDeadlines(clock: Clock): Deadlines {
  const pending = new Set<Deadline>();
  let sleeper: { readonly until: number; readonly wake: AbortController } | undefined;

  function sleep(): void {
    const now = clock.monotonic();
    let until = now + TICK_MS;
    for (const { at } of pending) until = Math.min(until, at);
    const mine = { until, wake: new AbortController() };
    sleeper = mine;
    void clock.sleep(Math.max(0, until - now), mine.wake.signal).then(
      () => {
        sleeper = undefined;
        strike();
        if (pending.size > 0) sleep();
      },
      () => undefined,
    );
  }

  function strike(): void {
    const now = clock.monotonic();
    for (const deadline of pending) {
      if (deadline.at > now) continue;
      pending.delete(deadline);
      deadline.late();
    }
  }

  return {
    set(ms, late) {
      const deadline = { at: clock.monotonic() + ms, late };
      pending.add(deadline);
      if (sleeper === undefined) sleep();
      else if (deadline.at < sleeper.until) {
        sleeper.wake.abort();
        sleep();
      }
      return () => {
        pending.delete(deadline);
      };
    },
  };
}
