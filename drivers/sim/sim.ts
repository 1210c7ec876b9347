import type { Clock } from '../contract/clock.ts';
import type { DriverEvent } from '../contract/driver.ts';
import type { SessionTable } from './sessions.ts';
import type { World } from './world.ts';

/** What the services of one process share. */
export interface Sim {
  readonly world: World;
  readonly clock: Clock;
  readonly sessions: SessionTable;
  /** Something on an endpoint changed now, and will by itself at each of `atMs`: tells those who watch. */
  changed(type: DriverEvent['type'], endpointUid: string, uid: string, atMs?: readonly number[]): void;
}
