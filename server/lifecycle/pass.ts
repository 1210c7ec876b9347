import type { Clock } from '../../apis/meta/clock.ts';

/** Asks for passes of a loop: many wishes while one is waited for are one wish. */
export interface Bell {
  ring(): void;
  /** Resolves `true` when it was rung since the last time, `false` after `ms` milliseconds without. */
  heard(ms: number, signal: AbortSignal): Promise<boolean>;
}

/** A bell that has not been rung. */
export function createBell(clock: Clock): Bell {
  let rung = false;
  let wake: () => void = () => undefined;
  return {
    ring() {
      rung = true;
      wake();
    },
    async heard(ms, signal) {
      if (!rung) {
        const done = new AbortController();
        const called = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const late = clock.sleep(ms, AbortSignal.any([signal, done.signal]));
        try {
          await Promise.race([called, late]);
        } finally {
          late.catch(() => undefined);
          done.abort();
        }
      }
      const was = rung;
      rung = false;
      return was;
    },
  };
}

/** Runs a pass at once, then whenever the bell was rung (after a short while, so that a burst is one pass), and every `everyMs` anyway. */
export async function runPasses(
  clock: Clock,
  bell: Bell,
  everyMs: number,
  pass: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const burstMs = 50;
  for (;;) {
    await pass(signal);
    await bell.heard(everyMs, signal);
    await clock.sleep(burstMs, signal);
  }
}
