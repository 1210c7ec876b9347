import type { Clock } from '../contract/clock.ts';
import type { DriverEvent } from '../contract/driver.ts';
import type { SessionTable } from '../serve/sessions.ts';
import type { World } from './world.ts';

/** A service whose work is done when its method returns: the simulated world waits for nothing. */
export type Immediate<S> = {
  readonly [K in keyof S]: S[K] extends (...args: [...infer A, AbortSignal]) => Promise<infer R> ? (...args: A) => R : never;
};

/** What the services of one process share. */
export interface Sim {
  readonly world: World;
  readonly clock: Clock;
  readonly sessions: SessionTable;
  /** A new id of so many random bytes, in hexadecimal. */
  readonly newId: (bytes: number) => string;
  /** Something on an endpoint changed now, and will by itself at each of `atMs`: tells those who watch. */
  changed(type: DriverEvent['type'], endpointUid: string, uid: string, atMs?: readonly number[]): void;
}
