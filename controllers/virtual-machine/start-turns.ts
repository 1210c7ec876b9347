import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Clock } from '../../apis/meta/clock.ts';

/** Who starts machines that ended by no will of ours, and in which order: so many at once, and then one after another. */
export interface StartTurns {
  /** How long until the VM's turn, in ms; 0: now, and it is taken. Who asks waits from then on, until it asks again or leaves. */
  ask(vm: VirtualMachine, places: StartPlaces): number;
  /** It neither waits nor starts. */
  leave(uid: string): void;
}

/** What a start is a burden to. */
export interface StartPlaces {
  readonly host: string;
  readonly pools: readonly string[];
}

/** What is started at a place: so many at once, and then one each so many ms. */
interface Pace {
  readonly burst: number;
  readonly everyMs: number;
}

interface Waiter {
  readonly rank: string;
  readonly places: readonly string[];
  /** Who does not ask again in time is not waited for. */
  readonly untilMs: number;
}

const HOST: Pace = { burst: 2, everyMs: 1000 };
const POOL: Pace = { burst: 16, everyMs: 125 };
/** However long the line is, it is asked again whether one still waits. */
const MOST_MS = 60_000;
const LATE_MS = 10_000;

/** Smaller is needed more: what runs elsewhere when its host fails, then what is always started again, then what is older. */
function rankOf({ metadata, spec }: VirtualMachine): string {
  const need = [{ Reschedule: 0, Wait: 1, Fail: 2 }[spec.onHostFailure], { Always: 0, OnFailure: 1 }[spec.restartPolicy]];
  return `${need.join('')} ${metadata.creationTimestamp} ${metadata.uid}`;
}

/** Nobody waits, and nothing was started. */
export function createStartTurns(clock: Clock): StartTurns {
  const waiters = new Map<string, Waiter>();
  /** When each place would be free of all that was started there. */
  const busyUntil = new Map<string, number>();
  const paceOf = (place: string): Pace => (place.startsWith('host ') ? HOST : POOL);

  /** How long until a place takes one more after those that go before. */
  function waitAt(place: string, uid: string, rank: string, nowMs: number): number {
    const { burst, everyMs } = paceOf(place);
    let ahead = 0;
    for (const [other, waiter] of waiters) {
      if (other !== uid && waiter.rank < rank && waiter.places.includes(place)) ahead += 1;
    }
    const freeMs = Math.max(0, (busyUntil.get(place) ?? 0) - nowMs - (burst - 1) * everyMs);
    return freeMs + ahead * everyMs;
  }

  return {
    leave: (uid) => void waiters.delete(uid),
    ask(vm, { host, pools }) {
      const { uid } = vm.metadata;
      const nowMs = clock.monotonic();
      for (const [other, { untilMs }] of waiters) if (untilMs < nowMs) waiters.delete(other);
      for (const [place, untilMs] of busyUntil) if (untilMs < nowMs) busyUntil.delete(place);
      const rank = rankOf(vm);
      const places = [`host ${host}`, ...new Set(pools.map((pool) => `pool ${pool}`))];
      const waitMs = Math.min(MOST_MS, Math.max(...places.map((place) => waitAt(place, uid, rank, nowMs))));
      if (waitMs > 0) {
        waiters.set(uid, { rank, places, untilMs: nowMs + waitMs + LATE_MS });
        return Math.ceil(waitMs);
      }
      waiters.delete(uid);
      for (const place of places) busyUntil.set(place, Math.max(busyUntil.get(place) ?? 0, nowMs) + paceOf(place).everyMs);
      return 0;
    },
  };
}
