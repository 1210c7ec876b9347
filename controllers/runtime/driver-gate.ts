import type { Alarms } from './alarms.ts';
import type { Entering, Gate } from './gate.ts';

/** Calls of one driver that may be under way at once, for all of its endpoints: more of them only wait inside of it, and run out of time there. */
const MOST_CALLS = 64;
/** What takes longer waits for its device, not for the driver: its place is another call's. */
const PATIENCE_MS = 50;

/** Lets as many calls begin as a driver keeps up with, however many endpoints it serves. */
export interface DriverGate {
  /** Resolves with how to leave again; `waits` is called first where it is not the call's turn. Rejects with the signal's reason. */
  enter(driver: string, entering: Omit<Entering, 'limit'>, signal: AbortSignal): Promise<() => void>;
}

/** The gate of one shard; `gate` is shared with all that speak to the same drivers. */
export function createDriverGate(gate: Gate, alarms: Alarms): DriverGate {
  return {
    async enter(driver, entering, signal) {
      const leave = await gate.enter(driver, { ...entering, limit: MOST_CALLS }, signal);
      let inside = true;
      const once = (): void => {
        if (inside) leave();
        inside = false;
      };
      const takeBack = alarms.set(PATIENCE_MS, once);
      return () => {
        takeBack();
        once();
      };
    },
  };
}
