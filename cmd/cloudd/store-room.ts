import type { Clock } from '../../apis/meta/clock.ts';
import type { Metric } from '../../apis/meta/metrics.ts';
import type { Log } from '../../apis/meta/log.ts';
import { fullnessOfStore, type StoreRoom } from '../../server/store/room.ts';
import type { Store } from '../../server/store/store.ts';

/** Looks after the room that a store has left. */
export interface StoreRoomWatch {
  /** Looks every minute, and logs when the store becomes nearly full, full, and neither again, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** What was seen last. */
  metrics(): readonly Metric[];
  /** The same for people; empty while it has room. */
  facts(): readonly string[];
}

const LOOK_MS = 60_000;

const SAYS = { HasRoom: 'the store has room again', NearlyFull: 'the store is nearly full', Full: 'the store is full' } as const;
const LEVELS = { HasRoom: 'info', NearlyFull: 'warn', Full: 'error' } as const;

/** A watch that has not looked yet. */
export function watchStoreRoom(store: Pick<Store, 'room'>, { clock, log }: { readonly clock: Clock; readonly log: Log }): StoreRoomWatch {
  let seen: StoreRoom | undefined;
  let said: ReturnType<typeof fullnessOfStore> = 'HasRoom';
  const look = async (signal: AbortSignal): Promise<void> => {
    try {
      seen = await store.room?.(signal);
    } catch (error) {
      // That the store does not answer is said elsewhere, and tells nothing of its room.
      if (!signal.aborted) log.debug({ err: error }, 'the room of the store could not be seen');
      return;
    }
    const now = seen === undefined ? 'HasRoom' : fullnessOfStore(seen);
    if (now !== said) log[LEVELS[now]]({ ...seen }, SAYS[now]);
    said = now;
  };
  return {
    async run(signal) {
      while (!signal.aborted) {
        await look(signal);
        await clock.sleep(LOOK_MS, signal).catch(() => undefined);
      }
    },
    metrics() {
      const gauge = (name: string, help: string, value: number | undefined): Metric => {
        return { name: `lenticular_store_${name}`, help, type: 'gauge', samples: value === undefined ? [] : [{ value }] };
      };
      return [
        gauge('used_bytes', 'What the store takes.', seen?.usedBytes),
        gauge('free_bytes', 'What it can grow by: on its disk, or in the quota of etcd.', seen?.freeBytes),
        gauge(
          'nearly_full',
          'Whether it needs somebody to make room (1), or takes no writes any more (2).',
          { HasRoom: 0, NearlyFull: 1, Full: 2 }[said],
        ),
      ];
    },
    facts: () => (said === 'HasRoom' ? [] : [`${SAYS[said]}: ${String(seen?.freeBytes ?? 0)} bytes are left`]),
  };
}
