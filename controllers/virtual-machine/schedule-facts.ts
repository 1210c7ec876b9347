import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Allocation } from '../../apis/meta/fields.ts';

type Placement = VirtualMachine['spec']['placement'];

/** What a VM shall not share with which others of its namespace. */
export type AntiAffinity = Placement['antiAffinity'][number];

/** CPUs and memory: of a host, free or given out. */
export interface Size {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** A disk's pool as the scheduler sees it. */
export interface DiskPool {
  readonly scope: { readonly zone?: string; readonly pod?: string; readonly host?: string };
  readonly protocols: readonly string[];
}

/** What a VM asks of a host. */
export interface PlacementRequest extends Size {
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly placement: Placement;
  /** What its host's driver must be able to do. */
  readonly capabilities: readonly string[];
  readonly pools: readonly DiskPool[];
}

/** A host that might run it. */
export interface HostCandidate {
  readonly name: string;
  readonly pod: string;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  readonly maintenance: boolean;
  readonly deleting: boolean;
  /** Whether next to nothing of its storage or memory is free, whatever was given out. */
  readonly full?: true;
  /** The strictest of host, pod and zone. */
  readonly allocation: Allocation;
  readonly capabilities: readonly string[];
  /** CPUs that there really are: no VM gets more. */
  readonly realCpus: number;
  readonly allocatable: Size;
}

/** A VM that has a place. */
export interface PlacedMachine extends Size {
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly host: string;
  readonly pod: string;
  readonly zone: string;
  /** What it must not share with others, whoever came first. */
  readonly keepsOff: readonly AntiAffinity[];
}

/** What hosts have and what is free of it, each by the host's index: numbers side by side, because thousands are looked at for each placement. */
export interface Columns {
  readonly cpus: ArrayLike<number>;
  readonly memoryBytes: ArrayLike<number>;
  /** Less than 0 where more was given out than there is now. */
  readonly freeCpus: ArrayLike<number>;
  readonly freeMemoryBytes: ArrayLike<number>;
  readonly realCpus: ArrayLike<number>;
}

/** What VMs that have a place mean for one that looks for its own. */
export interface Neighbours {
  /** How many VMs that a rule selects share its topology with the host. */
  sharing(rule: AntiAffinity, host: HostCandidate): number;
  /** Whether a VM that shares the topology of a rule of its own must not share it with this one; undefined: none does anywhere. */
  readonly keptOff?: (host: HostCandidate) => boolean;
}

/** Why a host does not fit, as people read it of one host and of many. */
export interface Cause {
  /** What would have to be another: the host, the VM's placement, its driver, the VMs beside it, or the room that is left. */
  readonly of: 'host' | 'placement' | 'driver' | 'others' | 'room';
  readonly one: string;
  readonly many: string;
}

/** Where a VM might go: hosts by name, and who is there. */
export interface Room {
  readonly hosts: readonly HostCandidate[];
  readonly columns: Columns;
  neighboursOf(request: PlacementRequest): Neighbours;
  /** What `refusedBy` says of the host at an index, where the room remembers it. */
  readonly refusalsOf?: (request: PlacementRequest) => (index: number) => Cause | undefined;
}
