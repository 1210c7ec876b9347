import type { Clock } from '../../apis/meta/clock.ts';
import type { Alarms } from './alarms.ts';
import type { Entering, Gate } from './gate.ts';
import { paced } from './pace.ts';
import { createPatience, type Patience } from './patience.ts';

/** Calls of one driver that may be under way at once, for all of its endpoints: more of them only wait inside of it, and run out of time there. */
const MOST_CALLS = 64;

/** Says that a call has ended, and whether it was answered. */
export type Leave = (answered: boolean) => void;

/** Lets as many calls begin as a driver keeps up with, however many endpoints it serves. */
export interface DriverGate {
  /** Resolves with how to leave again; `waits` is called first where it is not the call's turn. Rejects with the signal's reason. */
  enter(driver: string, entering: Omit<Entering, 'limit'>, signal: AbortSignal): Promise<Leave>;
}

/** The gate of one shard; `gate` is shared with all that speak to the same drivers. */
export function createDriverGate(gate: Gate, alarms: Alarms, clock: Clock): DriverGate {
  const patiences = new Map<string, Patience>();
  return {
    async enter(driver, entering, signal) {
      const leave = await gate.enter(driver, { ...entering, limit: MOST_CALLS }, signal);
      const patience = patiences.get(driver) ?? createPatience();
      patiences.set(driver, patience);
      let inside = true;
      const once = (): void => {
        if (inside) leave();
        inside = false;
      };
      // What takes longer than others waits for its device, not for the driver: its place is another call's.
      const pace = paced({ alarms, clock, patience }, once);
      pace.resume();
      return (answered) => {
        pace.end(answered);
        once();
      };
    },
  };
}
