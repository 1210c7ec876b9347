import type { Clock } from '../contract/clock.ts';
import { BEAT_MS } from '../contract/driver.ts';
import type { DriverEvent } from '../contract/driver.ts';
import type { EventHub } from '../contract/event-hub.ts';
import { hostsOff } from './documents.ts';
import type { Faults } from './faults.ts';
import type { SessionTable } from '../serve/sessions.ts';
import type { World } from './world.ts';

const MAX_TIMERS = 10_000;
const LOOK_MS = 1000;
/** A little earlier than is promised: timers are late. */
const BEAT_AFTER_MS = BEAT_MS - 1000;

/** Tells watchers of changes now and at moments to come; past 10,000 moments in wait, only of the change now. */
export function createHints(
  hub: EventHub,
  sessions: SessionTable,
  clock: Clock,
  ending: AbortSignal,
): (type: DriverEvent['type'], endpoint: string, uid: string, atMs?: readonly number[]) => void {
  let timers = 0;
  return (type, endpoint, uid, atMs = []) => {
    const tell = (): void => {
      const session = sessions.of(type, endpoint);
      if (session !== undefined) hub.publish({ type, session, uid });
    };
    tell();
    for (const moment of atMs) {
      if (!Number.isFinite(moment) || timers >= MAX_TIMERS) continue;
      timers += 1;
      // One millisecond later, so that who looks then sees the change.
      void clock
        .sleep(Math.max(moment - clock.now(), 0) + 1, ending)
        .then(tell, () => undefined)
        .finally(() => {
          timers -= 1;
        });
    }
  };
}

/** The sessions of hosts that would not answer now, whether by the world or by a fault. */
export function silentSessions(world: World, sessions: SessionTable, faults: Faults): readonly string[] {
  const off = new Set(hostsOff(world));
  return sessions
    .hosts()
    .filter(({ uid, draining }) => draining || off.has(uid) || faults.silences({ call: 'host.observe', endpoint: uid, uid: '' }))
    .map(({ session }) => session);
}

/** Beats until the signal aborts. */
export async function beat(hub: EventHub, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(BEAT_AFTER_MS, signal);
    hub.beat();
  }
}

/** Watches, and asks to look at everything when another process has changed the world. */
export async function* watchWorld(hub: EventHub, world: World, clock: Clock, signal: AbortSignal): AsyncIterable<DriverEvent> {
  const look = async (): Promise<void> => {
    let known = world.version();
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      const version = world.version();
      if (version !== known) hub.publish({ type: 'RESYNC', session: '', uid: '' });
      known = version;
    }
  };
  if (world.shared) void look().catch(() => undefined);
  yield* hub.watch(signal);
}
