import { isAborted } from '../../apis/meta/aborted.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { linkedTo } from '../../apis/meta/linked.ts';
import { createDue, EARLIER } from './due.ts';

/** Does things later, unless they are taken back: with one timer for all, because thousands a second are set and taken back. */
export interface Alarms {
  /** Calls `ring` after `ms`, unless the answer is called first. */
  set(ms: number, ring: () => void): () => void;
  /** Rings until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface Alarm {
  /** Undefined: taken back, or rung. What it would do, and all that this needs, is let go of at once, and not when its time has come. */
  ring: (() => void) | undefined;
}

const MAX_SLEEP_MS = 60_000;

/** No alarm is set. */
export function createAlarms(clock: Clock): Alarms {
  let live = 0;
  let dueMs = Number.POSITIVE_INFINITY;
  let rearm = (): void => undefined;
  const due = createDue<Alarm>(
    ({ ring }) => ring !== undefined,
    () => live,
  );
  const end = (alarm: Alarm): void => {
    if (alarm.ring !== undefined) live -= 1;
    alarm.ring = undefined;
  };
  return {
    set(ms, ring) {
      const alarm: Alarm = { ring };
      const atMs = clock.monotonic() + ms;
      live += 1;
      due.add(alarm, atMs);
      if (atMs < dueMs) rearm();
      return () => {
        end(alarm);
      };
    },
    async run(signal) {
      while (!isAborted(signal)) {
        const now = clock.monotonic();
        for (let alarm = due.take(now); alarm !== undefined; alarm = due.take(now)) {
          const { ring } = alarm;
          end(alarm);
          ring?.();
        }
        const ending = linkedTo(signal);
        rearm = () => {
          ending.abort(EARLIER);
        };
        dueMs = Math.min(now + MAX_SLEEP_MS, due.nextMs());
        await clock.sleep(dueMs - now, ending.signal).catch(() => undefined);
        ending.unlink();
      }
    },
  };
}
