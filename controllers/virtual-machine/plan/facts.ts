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
}

/** What is known about a VM in one round. */
export interface VmFacts {
  /** Whether the zone that it names, or was given, exists; undefined: it names none. */
  readonly zone?: 'exists' | 'absent';
  /** Zones to choose from, for a VM that names none. */
  readonly zones: readonly ZoneOffer[];
  /** Where it might go, while it looks for a host; while its claim is verified, that host with the claims that come before. */
  readonly room?: Room;
  /** The host that was chosen; undefined: none was, or its object is gone. */
  readonly host?: HostFact;
  /** Undefined: nobody asked. */
  readonly machine?: Answer<Machine | undefined>;
  /** What the host's driver can do now. */
  readonly capabilities: readonly string[];
  readonly disks: readonly DiskFact[];
  /** Why the driver refused the last step for good. */
  readonly refused?: string;
}

/** A full description of the machine, but for how its disks are reached. */
export interface Description {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly boot?: { readonly kernel: string; readonly initrd?: string; readonly cmdline?: string };
  readonly disks: readonly DescribedDisk[];
  readonly interfaces: readonly MachineInterface[];
  readonly userData?: string;
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
  | { readonly do: 'attach-disk'; readonly hostId: string; readonly disk: DescribedDisk }
  | { readonly do: 'detach-disk'; readonly uid: string }
  | { readonly do: 'grow-disk'; readonly uid: string; readonly sizeBytes: number };
