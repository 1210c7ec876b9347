import type { Capability, Category } from '../driver.ts';
import type { Hook } from './subject.ts';
import type { Rig } from './rig.ts';

/** One thing that must be true of every driver. */
export interface Check {
  /** A sentence. */
  readonly title: string;
  /** What the driver must have declared for the sentence to say anything; skipped by itself where it has not. */
  readonly capability?: Capability;
  /** What the driver must be for, all of it; skipped by itself where it is not. */
  readonly category?: Category | readonly Category[];
  /** What the subject must be able to do; where it cannot, the check must be listed as skipped. */
  readonly hook?: Hook;
  run(rig: Rig): Promise<void>;
}
