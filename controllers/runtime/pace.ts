import type { Alarms } from './alarms.ts';
import type { Visitor } from './visit.ts';

/** Counts for how long a round waits for its device. */
export type Pace = Pick<Visitor, 'pause' | 'resume'>;

/** A round that takes longer waits for its device: it gives its worker to the next object and counts against its endpoint only. */
const SLOW_MS = 50;

/** Of a round without a device: it keeps its worker. */
export const UNPACED: Pace = { pause: () => undefined, resume: () => undefined };

/** Lets the next object begin (`detach`) once the round has gone on for long without a pause. It begins paused. */
export function paced(alarms: Alarms, detach: () => void): Pace {
  let takeBack: (() => void) | undefined;
  return {
    pause() {
      takeBack?.();
      takeBack = undefined;
    },
    resume() {
      takeBack ??= alarms.set(SLOW_MS, detach);
    },
  };
}
