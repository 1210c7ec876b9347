import type { Clock } from '../contract/clock.ts';
import { BEAT_MS } from '../contract/driver.ts';
import type { DriverEvent } from '../contract/driver.ts';

/** What the beats of one driver say. */
export interface Beats {
  /** Takes in a BEAT; gives the sessions whose hosts fell silent, or answer again, with it. */
  hear(beat: Pick<DriverEvent, 'silent' | 'more'>): readonly string[];
  /** Whether beats are heard now, and the last one says that the host of this session answers. */
  answers(session: string): boolean;
  /** The stream that brought them is gone. */
  lose(): void;
  /** Calls `lost` when no beat has come for two and a half periods, once until they come again, until `signal` aborts. */
  watch(lost: () => void, clock: Clock, signal: AbortSignal): Promise<void>;
}

const TICK_MS = BEAT_MS / 2;
const MOST_TICKS = 5;

/** No beat was heard yet: of a driver that sends none, this stays so. */
export function createBeats(): Beats {
  let silent: ReadonlySet<string> | undefined;
  let listed: readonly string[] = [];
  let ticks = 0;
  const lose = (): void => {
    silent = undefined;
    listed = [];
  };
  return {
    hear({ silent: more = [], more: goesOn }) {
      listed = [...listed, ...more];
      ticks = 0;
      if (goesOn === true) return [];
      const [before, now] = [silent ?? new Set<string>(), new Set(listed)];
      silent = now;
      listed = [];
      return [...[...now].filter((one) => !before.has(one)), ...[...before].filter((one) => !now.has(one))];
    },
    answers: (session) => silent?.has(session) === false,
    lose,
    async watch(lost, clock, signal) {
      // Counted in ticks of its own: who stood still for long finds beats that wait to be read.
      while (!signal.aborted) {
        await clock.sleep(TICK_MS, signal);
        ticks += 1;
        if (ticks < MOST_TICKS || silent === undefined) continue;
        lose();
        lost();
      }
    },
  };
}
