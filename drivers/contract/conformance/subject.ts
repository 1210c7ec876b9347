import type { Category, ConfigBag, Driver, EndpointRef } from '../driver.ts';
import type { Clock } from '../clock.ts';
import type { MachineSpec } from '../machine.ts';

/** An endpoint that the suite may use as it likes. */
export interface TestEndpoint {
  readonly ref: EndpointRef;
  readonly config: ConfigBag;
}

/** A driver under test, and what the suite must know about it. What is absent is skipped, and must be listed as skipped. */
export interface Subject {
  readonly driver: Driver;
  readonly clock: Clock;
  /** The n-th host or pool; each n another one. Hosts reach all pools. */
  endpoint(category: Category, n: number): TestEndpoint;
  /** Bags that are wrong in exactly one field. */
  readonly wrongConfigs: readonly { readonly category: Category; readonly config: ConfigBag; readonly field: string }[];
  /** What a small machine needs to run, beside its disks. */
  readonly machine: Pick<MachineSpec, 'cpus' | 'memoryBytes' | 'boot'>;
  /** Whether its guest shuts down when it is asked to. */
  readonly guestListens: boolean;
  /** Size of a small disk; multiples of it are used too. */
  readonly diskBytes: number;
  /** An image of every pool, large enough for its import to take a moment. */
  readonly image: { readonly name: string; readonly sizeBytes: number };
  /** A host of its own with a lease of that long, for drivers that declare `host.lease`, and the same with none. */
  readonly lease?: { readonly ref: EndpointRef; readonly config: ConfigBag; readonly without: ConfigBag; readonly offeredMs: number };
  /** Kills the process without warning and starts another on the same state. */
  restart?(): Promise<void>;
  /** Puts a running machine, or a disk, into the world that this contract did not make; gives its id. */
  plantMachine?(hostUid: string): Promise<string>;
  plantDisk?(poolUid: string): Promise<string>;
  /** From now on calls on this endpoint never answer, or answer after `ms`; until `heal`. */
  hang?(endpointUid: string): Promise<void>;
  slow?(endpointUid: string, ms: number): Promise<void>;
  heal?(): Promise<void>;
  stop(): Promise<void>;
}

/** A hook that a check needs; a subject without it must list the check as skipped. */
export type Hook = 'lease' | 'restart' | 'plantMachine' | 'plantDisk' | 'hang' | 'slow';
