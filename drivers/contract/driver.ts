import type { CallContext, Fence, MutationContext } from './fence.ts';
import type { HostLease } from './lease.ts';
import type { Machine, MachineService } from './machine.ts';
import type { Disk, DiskService, OperationService } from './disk.ts';

/** All that drivers are for. */
export const CATEGORIES = ['machine', 'disk', 'power'] as const;

/** What a driver is for; a driver may serve several. */
export type Category = (typeof CATEGORIES)[number];

/**
 * Abilities that a driver declares; static per version. A call behind an undeclared one is UNIMPLEMENTED/CAPABILITY_MISSING.
 * `disk-protocol.NAME`: a machine driver can open it, a disk driver can publish it.
 */
export type Capability =
  | 'machine.attach-disk'
  | 'machine.grow-disk'
  | 'machine.user-data'
  | 'machine.boot-kernel'
  | 'machine.boot-disk'
  | 'machine.interface.user'
  | 'machine.interface.bridge'
  | 'machine.adopt'
  | 'host.lease'
  | 'host.beat'
  | 'disk.import'
  | 'disk.clone'
  | 'disk.adopt'
  | `disk-protocol.${string}`;

export interface DriverInfo {
  readonly name: string;
  readonly version: string;
  /** Random per process. */
  readonly instance: string;
  readonly contractVersions: readonly string[];
  readonly categories: readonly Category[];
}

/** A JSON value, as configuration bags hold them. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export type ConfigBag = Readonly<Record<string, Json>>;

/** A JSON Schema of an object: properties of type string, integer, number, boolean with label, description, bounds, enum, required. */
export type ConfigSchema = Readonly<Record<string, Json>>;

export interface IdentityService {
  getInfo(signal: AbortSignal): Promise<DriverInfo>;
  getCapabilities(signal: AbortSignal): Promise<readonly Capability[]>;
  /** What `config` of an endpoint of this category may hold. */
  getConfigSchema(category: Category, signal: AbortSignal): Promise<ConfigSchema>;
  /** Cheap; never waits for an engine. */
  probe(signal: AbortSignal): Promise<{ readonly ready: boolean; readonly reason?: string }>;
}

/** One endpoint: a host, or a pool. The same ref twice is the same session's endpoint. */
export interface EndpointRef {
  readonly category: Category;
  /** Uid of the Host or StoragePool. */
  readonly uid: string;
  readonly name: string;
  /** Where the endpoint is, for drivers that reach it over a network; empty: this machine. */
  readonly address: string;
}

export interface SessionService {
  /** Checks the bag and opens the endpoint. INVALID_ARGUMENT/CONFIG_INVALID with metadata.field where the bag is wrong. */
  open(endpoint: EndpointRef, config: ConfigBag, fence: Fence, signal: AbortSignal): Promise<{ readonly session: string }>;
  /** Ends the session, never what it manages. Unknown session: success. */
  close(session: string, signal: AbortSignal): Promise<void>;
  /** Lets running calls end and refuses new ones with UNAVAILABLE/DRAINING. */
  drain(session: string, signal: AbortSignal): Promise<void>;
}

/** What is true of a host now. */
export interface HostObservation {
  readonly hostId: string;
  readonly bootId: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  /** What nobody uses of the memory and of the storage, on the host and not by what was given out; absent where that is not known. */
  readonly freeMemoryBytes?: number;
  readonly freeStorageBytes?: number;
  /** Component versions and facts for people, for example {qemu: '7.2.22', accelerator: 'tcg'}. */
  readonly facts: Readonly<Record<string, string>>;
  readonly machines: readonly Machine[];
}

/** What is true of a pool now. */
export interface PoolObservation {
  readonly poolId: string;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly disks: readonly Disk[];
  /** Protocols that Publish answers with. */
  readonly protocols: readonly string[];
  /** Host ids that reach the pool; undefined: every host of its scope. */
  readonly reachableFrom?: readonly string[];
}

/** A hint that something changed: the caller looks for itself. RESYNC after a gap or overflow: look at everything. */
export interface DriverEvent {
  readonly sequence: number;
  readonly type: 'machine' | 'disk' | 'host' | 'pool' | 'operation' | 'RESYNC' | 'BEAT';
  /** Empty for BEAT. */
  readonly session: string;
  /** Uid of the machine, disk or operation's object; empty for RESYNC, BEAT, host and pool. */
  readonly uid: string;
  /** Of a BEAT, see `BEAT_MS`. */
  readonly silent?: readonly string[];
  /** Of a BEAT that has more parts: the next event is the next of them. */
  readonly more?: true;
}

/**
 * How often, at least, a driver with the capability `host.beat` sends an event BEAT to everybody who watches; the first follows the RESYNC that a
 * watch begins with. It says: in the last `BEAT_MS` before it was sent, every host whose session was open then has answered this process, but for
 * those whose sessions are listed in `silent`. A session that takes nothing new counts as silent. A BEAT takes no place in the sequence: it carries
 * that of the event before it. It is a hint that nothing needs a look, or that one host does; that a host is dead it never says.
 */
export const BEAT_MS = 10_000;

/** The most sessions that one BEAT lists; the rest follow in the next, all but the last of which say that there are `more`. */
export const MOST_SILENT = 10_000;

export interface HostService {
  observe(context: CallContext, signal: AbortSignal): Promise<HostObservation>;
  /**
   * Capability `host.lease`: gives back a token (empty: none yet), by which the lease goes on, and takes the next. Only an old leader is refused;
   * what is no token of this boot, is older than one that was given back, or has run out, changes nothing.
   */
  renew(context: MutationContext, token: string, signal: AbortSignal): Promise<HostLease>;
}

export interface PoolService {
  observe(context: CallContext, signal: AbortSignal): Promise<PoolObservation>;
}

export interface PowerService {
  status(context: CallContext, signal: AbortSignal): Promise<'on' | 'off'>;
  on(context: MutationContext, signal: AbortSignal): Promise<void>;
  /** Resolves only with proof that the host is off. */
  off(context: MutationContext, signal: AbortSignal): Promise<void>;
  reset(context: MutationContext, signal: AbortSignal): Promise<void>;
}

/** A driver as its callers see it, whether in this process or behind gRPC. A service of a category it does not have is absent. */
export interface Driver {
  readonly identity: IdentityService;
  readonly session: SessionService;
  readonly host?: HostService;
  readonly machine?: MachineService;
  readonly pool?: PoolService;
  readonly disk?: DiskService;
  readonly operation?: OperationService;
  readonly power?: PowerService;
  /** One stream for the process, all sessions. Ends with the driver; the caller then looks at everything. */
  watch(signal: AbortSignal): AsyncIterable<DriverEvent>;
}

/** The contract version that these interfaces are. */
export const CONTRACT_VERSION = 'v1alpha1';
