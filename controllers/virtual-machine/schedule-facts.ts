import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Allocation } from '../../apis/meta/fields.ts';

type Placement = VirtualMachine['spec']['placement'];

/** A disk's pool as the scheduler sees it. */
export interface DiskPool {
  readonly scope: { readonly zone?: string; readonly pod?: string; readonly host?: string };
  readonly protocols: readonly string[];
}

/** What a VM asks of a host. */
export interface PlacementRequest {
  readonly uid: string;
  readonly namespace: string;
  readonly cpus: number;
  readonly memoryBytes: number;
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
  /** The strictest of host, pod and zone. */
  readonly allocation: Allocation;
  readonly capabilities: readonly string[];
  /** CPUs that there really are: no VM gets more. */
  readonly realCpus: number;
  readonly allocatable: { readonly cpus: number; readonly memoryBytes: number };
}

/** A VM that has a place. */
export interface PlacedMachine {
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly host: string;
  readonly pod: string;
  readonly zone: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** What is left of a host once the VMs that are placed there have theirs. */
export interface Free {
  readonly cpus: number;
  readonly memoryBytes: number;
}
