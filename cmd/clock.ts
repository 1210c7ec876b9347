import { setTimeout as delay } from 'node:timers/promises';

/** The machine's own time and timers, as `Clock` of apis/meta and of drivers/contract; a driver's process loads neither for it. */
export function systemClock() {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal }),
  };
}
