import type { DriverEvent } from '../contract/driver.ts';
import type { AcceleratorProbe } from './accelerator.ts';
import type { HostConfig } from './config.ts';
import type { QemuDriverOptions } from './environment.ts';
import type { FenceGuard } from './fence-guard.ts';
import type { KeyedLock } from '../contract/keyed-lock.ts';
import type { Monitors } from './monitors.ts';

/** What all calls on one host share, however many sessions are open on it. */
export interface HostEndpoint {
  /** Real path of the host's folder. */
  readonly dir: string;
  readonly config: HostConfig & { readonly imagesDir: string };
  readonly options: QemuDriverOptions;
  readonly lock: KeyedLock;
  /** The driver's own work on machines, by uid: short, and calls wait for it in place of being refused. */
  readonly settling: Map<string, Promise<unknown>>;
  readonly fences: FenceGuard;
  readonly monitors: Monitors;
  readonly accelerator: AcceleratorProbe;
  /** When the stop of a machine is due, by uid: what the ticker looks at. */
  readonly dueStops: Map<string, number>;
  /** Says that something about the machine changed. */
  readonly changed: (uid: string, type?: DriverEvent['type']) => void;
}
