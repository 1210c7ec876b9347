import type { DriverEvent } from '../contract/driver.ts';
import type { KeyedLock } from '../contract/keyed-lock.ts';
import type { PoolConfig } from './config.ts';
import type { QemuDriverOptions } from './environment.ts';
import type { FenceGuard } from './fence-guard.ts';

/** A fill that this process watches. */
export interface FillRunner {
  readonly uid: string;
  readonly cancel: AbortController;
  readonly ended: Promise<void>;
}

/** What all calls on one pool share, however many sessions are open on it. */
export interface PoolEndpoint {
  /** Real path of the pool's folder. */
  readonly dir: string;
  readonly config: PoolConfig & { readonly imagesDir: string };
  readonly options: QemuDriverOptions;
  readonly lock: KeyedLock;
  readonly fences: FenceGuard;
  /** The fills that this process watches, by operation id. */
  readonly fills: Map<string, FillRunner>;
  /** Says that something in the pool changed. */
  readonly changed: (uid: string, type?: DriverEvent['type']) => void;
}
