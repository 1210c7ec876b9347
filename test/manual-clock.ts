import type { Clock } from '../apis/meta/clock.ts';

/** A clock that stands until it is told to go on. */
export interface ManualClock extends Clock {
  /** Lets time pass, and wakes in order who slept until then. */
  advance(ms: number): Promise<void>;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that begins at `start` milliseconds since the Unix epoch. */
export function createManualClock(start = Date.parse('2026-01-01T00:00:00Z')): ManualClock {
  let elapsed = 0;
  const sleepers = new Set<Sleeper>();
  /** Lets everything run that waits for no time. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        const abort = (): void => {
          sleepers.delete(sleeper);
          reject(signal.reason as Error);
        };
        const sleeper: Sleeper = {
          until: elapsed + ms,
          wake: () => {
            signal.removeEventListener('abort', abort);
            resolve();
          },
        };
        if (signal.aborted) {
          abort();
          return;
        }
        signal.addEventListener('abort', abort, { once: true });
        sleepers.add(sleeper);
      });
    },
    async advance(ms) {
      const end = elapsed + ms;
      await settle();
      for (;;) {
        const [next] = [...sleepers].filter(({ until }) => until <= end).sort((left, right) => left.until - right.until);
        if (next === undefined) break;
        elapsed = Math.max(elapsed, next.until);
        sleepers.delete(next);
        next.wake();
        await settle();
      }
      elapsed = end;
    },
  };
}
