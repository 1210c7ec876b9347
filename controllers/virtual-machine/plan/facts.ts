import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Allocation } from '../../../apis/meta/fields.ts';
import type { MachineInterface, Machine } from '../../../drivers/contract/machine.ts';
import type { Answer } from '../../runtime/device.ts';
import type { Plan, Planned } from '../../runtime/plan.ts';
import type { DiskPool, HostCandidate, Room } from '../schedule-facts.ts';

export type VmReason = VirtualMachine['status']['conditions'][number]['reason'];
export type VmStatus = Planned<VirtualMachine['status']>;
export type VmPlan = Plan<VmStep, VmStatus>;

/** A disk of the VM, and how far its volume is. */
export interface DiskFact {
  readonly name: string;
  readonly volume: string;
  readonly readOnly: boolean;
  /** Undefined: there is no such volume. */
  readonly uid?: string;
  /** The pool that holds it, or will; undefined while that is not known. */
  readonly pool?: DiskPool & { readonly name: string };
  /** Why it cannot be attached now; undefined: its claim names this VM at this placement. */
  readonly blocked?: { readonly reason: VmReason; readonly message: string };
  /** The size that the volume's controller asks its holder to grow it to. */
  readonly growToBytes?: number;
}

/** A zone that a VM might go to. */
export interface ZoneOffer {
  readonly name: string;
  readonly allocation: Allocation;
  readonly hostsReady: number;
  readonly freeMemoryBytes: number;
}

/** The host that was chosen. */
export interface HostFact {
  readonly candidate: HostCandidate;
  readonly hostId?: string;
  /** What proves it dead, with everything that ran there; it was not asked then. Undefined: nothing does. */
  readonly fence?: string;
  /** Whether it was proven dead and is not cleaned yet: nothing is done there before that. */
  readonly cleaning?: true;
}

/** The machine that spec.adopt names. */
export type Adoptable =
  /** Nobody manages it; `from` is the uid of its tag, empty where it has none. */
  | { readonly state: 'there'; readonly from: string; readonly disks: readonly string[] }
  | { readonly state: 'managed'; readonly by: string }
  /** It was a machine of that namespace, whose data is no other's. */
  | { readonly state: 'elsewhere'; readonly namespace: string }
  | { readonly state: 'absent' };

/** A step that the driver refused for good, in this generation of the object. */
export interface Refused {
  readonly step: string;
  readonly message: string;
}

/** Runs in a row that ended by themselves soon. */
export interface Relapses {
  readonly inRow: number;
  /** How the last one ended. */
  readonly cause: 'crashed' | 'guest-shutdown';
  /** Until it may be started again. */
  readonly waitMs: number;
  /** While it runs: until it has run for so long that they count no more. */
  readonly wellInMs: number;
}

/** What is known about a VM in one round. */
export interface VmFacts {
  /** Whether the zone that it names, or was given, exists; undefined: it names none. */
  readonly zone?: 'exists' | 'absent';
  /** Zones to choose from, for a VM that names none. */
  readonly zones: readonly ZoneOffer[];
  /**
   * Where it might go, while it looks for a host, or may have to leave its own; while its claim is verified, its host with the claims that come
   * before.
   */
  readonly room?: Room;
  /** The host that was chosen, with all others that have a place there; undefined: nobody asked, or the claim is not verified. */
  readonly beside?: Room;
  /** The host that was chosen; undefined: none was, or its object is gone. */
  readonly host?: HostFact;
  /** Undefined: nobody asked. */
  readonly machine?: Answer<Machine | undefined>;
  /** What the host's driver can do now. */
  readonly capabilities: readonly string[];
  readonly disks: readonly DiskFact[];
  /** Whether a volume that it does not list any more waits for its host to hear of that. */
  readonly letsGo?: true;
  /** Whether its host shall be drained, and it is this VM's turn to be restarted elsewhere. */
  readonly evacuates?: true;
  /** Hosts of the zone that list the machine that spec.adopt names, while no place is chosen. */
  readonly adoptHosts?: readonly string[];
  /** That machine on the host that was chosen; undefined: nobody asked. */
  readonly adoptable?: Adoptable;
  readonly refused?: Refused;
  /** Until it is the machine's turn to be started again; undefined: it needs none. */
  readonly startInMs?: number;
  /** Undefined: its last run did not end by itself, or nobody here has seen that. */
  readonly relapses?: Relapses;
}

/** A full description of the machine, but for how its disks are reached. */
export interface Description {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly boot?: { readonly kernel: string; readonly initrd?: string; readonly cmdline?: string };
  readonly disks: readonly DescribedDisk[];
  readonly interfaces: readonly MachineInterface[];
  readonly userData?: string;
  readonly leased?: true;
}

export interface DescribedDisk {
  readonly name: string;
  readonly uid: string;
  readonly readOnly: boolean;
  readonly pool: string;
}

export type VmStep =
  /** Publishes the disks to the host, and describes the machine. */
  | { readonly do: 'ensure-machine'; readonly hostId: string; readonly description: Description }
  | { readonly do: 'start-machine' }
  | { readonly do: 'stop-machine'; readonly deadlineMs: number }
  | { readonly do: 'delete-machine' }
  | { readonly do: 'adopt-machine'; readonly id: string; readonly from: string }
  | { readonly do: 'attach-disk'; readonly hostId: string; readonly disk: DescribedDisk }
  | { readonly do: 'detach-disk'; readonly uid: string }
  | { readonly do: 'grow-disk'; readonly uid: string; readonly sizeBytes: number };
