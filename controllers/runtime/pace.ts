import type { Clock } from '../../apis/meta/clock.ts';
import type { Alarms } from './alarms.ts';
import type { Patience } from './patience.ts';

/** Counts for how long something goes on, but for its pauses. */
export interface Pace {
  pause(): void;
  resume(): void;
  /** It has ended; `counts`: as such things usually do. */
  end(counts: boolean): void;
}

/** Of what nobody waits for. */
export const UNPACED: Pace = { pause: () => undefined, resume: () => undefined, end: () => undefined };

/** Calls `slow` once it has gone on for longer than others are waited for. It begins paused. */
export function paced(
  { alarms, clock, patience }: { readonly alarms: Alarms; readonly clock: Clock; readonly patience: Patience },
  slow: () => void,
): Pace {
  let tookMs = 0;
  let sinceMs: number | undefined;
  let takeBack = (): void => undefined;
  const soFarMs = (): number => tookMs + (sinceMs === undefined ? 0 : clock.monotonic() - sinceMs);
  const wait = (): void => {
    // What others take may have grown meanwhile.
    const leftMs = patience.ms() - soFarMs();
    if (leftMs > 0) takeBack = alarms.set(leftMs, wait);
    else slow();
  };
  const pause = (): void => {
    takeBack();
    takeBack = () => undefined;
    tookMs = soFarMs();
    sinceMs = undefined;
  };
  return {
    pause,
    resume() {
      if (sinceMs !== undefined) return;
      sinceMs = clock.monotonic();
      wait();
    },
    end(counts) {
      pause();
      if (counts) patience.took(tookMs);
    },
  };
}
