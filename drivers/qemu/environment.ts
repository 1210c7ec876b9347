import type { Clock } from '../contract/clock.ts';

/** What the driver is given: a folder of its own, a clock, a log, and how long it lives. */
export interface QemuDriverOptions {
  /** Absolute; the driver makes it (mode 0700). */
  readonly stateDir: string;
  readonly clock: Clock;
  /** One line for the log, without secrets. */
  readonly log: (message: string) => void;
  /** When it aborts, the driver lets go of its monitors and timers; machines run on. */
  readonly life: AbortSignal;
}
