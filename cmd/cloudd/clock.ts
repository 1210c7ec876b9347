import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../apis/meta/clock.ts';

/** The machine's own time and timers. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) => delay(ms, undefined, { signal }),
  };
}
