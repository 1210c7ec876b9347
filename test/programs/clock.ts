import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../drivers/contract/clock.ts';

/** The machine's own time, for tests and for programs that tests start. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, { signal }),
};
