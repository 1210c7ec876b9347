import type { Adoption, MutationContext, CallContext, Owner } from './fence.ts';
import type { DiskConnection } from './disk.ts';

/** A full description of a machine. Ensure makes the world match it as far as it can without stopping the machine. */
export interface MachineSpec {
  readonly owner: Owner;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Bare names, resolved by the driver inside the operator's folders; absent: boots the first disk. */
  readonly boot?: { readonly kernel: string; readonly initrd?: string; readonly cmdline?: string };
  /** In boot order. */
  readonly disks: readonly MachineDisk[];
  readonly interfaces: readonly MachineInterface[];
  /** cloud-init user data, inline. */
  readonly userData?: string;
  /** Stops with the lease of its host (see `HostLease`); takes effect at once. */
  readonly leased?: true;
}

export interface MachineDisk {
  /** The name inside the machine, unique there. */
  readonly name: string;
  /** Uid of the disk. */
  readonly uid: string;
  readonly readOnly: boolean;
  /** How the host reaches the bytes, as Disk.Publish answered. */
  readonly connection: DiskConnection;
}

export interface MachineInterface {
  readonly name: string;
  /** Lower case, colon-separated. */
  readonly mac: string;
  readonly mode: 'user' | 'bridge';
  /** Bare name of a bridge that the operator allowed; only with mode bridge. */
  readonly bridge?: string;
}

/** `unknown`: the engine does not answer; never taken for stopped. */
export type PowerState = 'running' | 'paused' | 'stopped' | 'unknown';

/** Why a machine that is not running came to stand still. */
export type StopCause =
  /** Never started since it was made. */
  | 'never-started'
  /** Stop was called, and the guest or the deadline ended it. */
  | 'requested'
  /** The guest shut itself down cleanly. */
  | 'guest-shutdown'
  /** The guest panicked, the process died, or the host lost power. */
  | 'crashed'
  /** Its host stopped it, because the lease had run out. */
  | 'lease-expired';

/** What is true of one machine. */
export interface Machine {
  /** The engine's own id; equals the owner's uid for machines that we made. */
  readonly id: string;
  readonly name: string;
  /** Absent: foreign. */
  readonly owner?: Owner;
  /** Handed back to the world: counts as unmanaged. */
  readonly released: boolean;
  readonly power: PowerState;
  /** Present while stopped. */
  readonly stopCause?: StopCause;
  /** Set from Stop until the machine stands still: when it began, in ms since the epoch. */
  readonly stoppingSinceMs?: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Disks as attached now. */
  readonly disks: readonly { readonly name: string; readonly uid: string; readonly sizeBytes: number; readonly readOnly: boolean }[];
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly addresses: readonly string[] }[];
  /** Field names of the description (`cpus`, `memory`, `boot`, `disks`, `interfaces`, `userData`) that take effect at the next start. */
  readonly pendingChanges: readonly string[];
  /** Field names in which the machine differs from its description because somebody else changed it. */
  readonly drift: readonly string[];
  /** It stops when the lease of its host that is in force now runs out. */
  readonly leased?: true;
  /** Highest generation and placement epoch that this machine was made to follow. */
  readonly generation: number;
  readonly placementEpoch: number;
}

/** Machines of one session's host. Every mutating call is idempotent by the uid in its arguments. */
export interface MachineService {
  /** Makes the machine exist (stopped) or updates it; does not start it. A tombstone lets it pass only at a higher placement epoch. */
  ensure(context: MutationContext, spec: MachineSpec, signal: AbortSignal): Promise<Machine>;
  /** Starts it; a running machine is left alone. Applies pending changes of the description first. */
  start(context: MutationContext, uid: string, signal: AbortSignal): Promise<Machine>;
  /**
   * Begins a stop and returns. Graceful: asks the guest, and the driver pulls the plug `deadlineMs` after the first such call; hard: at once.
   * A later hard call shortens an ongoing graceful one.
   */
  stop(
    context: MutationContext,
    uid: string,
    how: { readonly mode: 'graceful'; readonly deadlineMs: number } | { readonly mode: 'hard' },
    signal: AbortSignal,
  ): Promise<Machine>;
  /** Removes a stopped machine and leaves a tombstone; FAILED_PRECONDITION/NEEDS_STOP while it runs. Absent: success. Touches no disk. */
  delete(context: MutationContext, uid: string, signal: AbortSignal): Promise<void>;
  /** Hands the machine back to the world as it is. Absent: success. */
  release(context: MutationContext, uid: string, signal: AbortSignal): Promise<void>;
  /** The machine, or undefined where the host surely does not have it. */
  get(context: CallContext, uid: string, signal: AbortSignal): Promise<Machine | undefined>;
  list(context: CallContext, signal: AbortSignal): Promise<readonly Machine[]>;
  /** Capability `machine.attach-disk`: attaches while running. */
  attachDisk(context: MutationContext, uid: string, disk: MachineDisk, signal: AbortSignal): Promise<Machine>;
  /** Capability `machine.attach-disk`: asks the guest to let go; ABORTED/GUEST_BUSY until it did. */
  detachDisk(context: MutationContext, uid: string, diskUid: string, signal: AbortSignal): Promise<Machine>;
  /** Capability `machine.grow-disk`: grows an attached disk; never shrinks. */
  growDisk(
    context: MutationContext,
    uid: string,
    disk: { readonly uid: string; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<Machine>;
  /**
   * Capability `machine.adopt`: takes in a machine that nobody manages, as it is and without stopping it; its generation is 0, because it follows
   * no description yet. Repeated: success. Another tag than the caller saw: ALREADY_EXISTS/FOREIGN_OWNER. Absent: NOT_FOUND.
   */
  adopt(context: MutationContext, adoption: Adoption, signal: AbortSignal): Promise<Machine>;
}
