import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import type { Amounts } from '../../apis/meta/amounts.ts';
import type { Allocation } from '../../apis/meta/fields.ts';
import type { DriverInfo, HostObservation } from '../../drivers/contract/driver.ts';
import type { HostLease } from '../../drivers/contract/lease.ts';
import type { PowerState } from '../../drivers/contract/machine.ts';
import type { Answer } from '../runtime/device.ts';
import type { Plan, Planned } from '../runtime/plan.ts';

export type HostReason = Host['status']['conditions'][number]['reason'];
export type HostStatus = Planned<Host['status']>;
export type HostPlan = Plan<HostStep, HostStatus>;

/** What the driver says about the host, and which driver says it. */
export interface HostAnswer {
  readonly info: DriverInfo;
  readonly capabilities: readonly string[];
  readonly observation: HostObservation;
  /** Undefined: it cannot have one, or was not asked for it. */
  readonly lease?: HostLease;
  /** How often its driver tells by itself that the host answers; undefined: nobody tells now. */
  readonly beatMs?: number;
}

/** A VM that is placed here, and what it lets be done. */
export interface PlacedVm extends Amounts {
  readonly uid: string;
  /** `namespace/name`. */
  readonly name: string;
  /** Whether it shall run elsewhere once the host is proven dead, and no disk keeps it here. */
  readonly reschedules: boolean;
  /** Whether it leaves a host in maintenance by itself; stuck: it would, and no other host has room. */
  readonly leaves: boolean | 'stuck';
}

/** A machine, and the newest decision about it: an older one would be refused, and a newer one refuses this. */
export interface Decided {
  readonly uid: string;
  readonly generation: number;
  readonly placementEpoch: number;
}

/** A machine on the host whose VM has given up this place, with the decision that its object says now. */
export interface LeftCopy extends Decided {
  /** `namespace/name` of the VM. */
  readonly name: string;
  readonly power: PowerState;
}

/** How long nobody has answered for the host, and what came of it. */
export interface Silence {
  /** By the record, whoever led. */
  readonly recordedMs: number;
  /** As this leader has heard it, by its own clock. */
  readonly witnessedMs: number;
  /** By the same clock, since this leader was told of its lease last, or has asked in vain. */
  readonly unrenewedMs: number;
  /** The boot that this leader had seen last when the power driver proved the host off. */
  readonly offBoot?: string;
}

/** What is known about a host in one round. */
export interface HostFacts {
  /** The pod, and the strictest allocation of host, pod and zone; undefined: there is no such pod. */
  readonly pod?: { readonly cpuPercent: number; readonly memoryPercent: number; readonly allocation: Allocation };
  /** Undefined: it does not exist, so nobody leads the host. */
  readonly zone?: { readonly name: string; readonly failover: Zone['spec']['failover'] };
  /** Undefined: nobody asked. */
  readonly device?: Answer<HostAnswer>;
  /** Undefined: it answers, or nobody asked. */
  readonly silence?: Silence;
  /** Hosts of the zone that are not proven dead nor in maintenance, this one among them, and how many of those are silent with it. */
  readonly neighbours: { readonly hosts: number; readonly silent: number };
  /** Whether another host of the zone is silent: whether it alone is, is judged by the answers of the others since. */
  readonly besideSilent: boolean;
  /** Whether another host of the zone takes virtual machines now. */
  readonly refuge: boolean;
  readonly placed: readonly PlacedVm[];
  /** Uids of the VMs placed here whose machines were seen to be under its lease, once it has run out: by their objects as they are in the store. */
  readonly leased: ReadonlySet<string>;
  /** Copies to be removed; while the host comes back, judged by the VMs' objects as they are in the store. */
  readonly copies: readonly LeftCopy[];
  /** Volumes, as `namespace/name`, that were claimed for this host and not yet seen detached. */
  readonly claimed: readonly string[];
  /** Pools of the host alone. */
  readonly pools: readonly string[];
  /** Bytes promised to volumes of the host's own pools. */
  readonly storageBytes: number;
  /** The uid that tags of this installation carry. */
  readonly installation: string;
  /** Uids of all VMs that there are. */
  readonly machines: ReadonlySet<string>;
  /** Uids among those of spec.collect whose VM was looked for in the API just now, and is not there. */
  readonly orphans: ReadonlySet<string>;
  /** An older Host object that is the same machine. */
  readonly twin?: string;
  /** Why the power driver refused for good to switch it off. */
  readonly refused?: string;
}

export type HostStep =
  /** Closes the sessions of a host that leaves. */
  | { readonly do: 'forget' }
  /** Ends only with proof that the host is off. */
  | { readonly do: 'power-off' }
  /** Removes a copy that is in nobody's place any more: it is switched off. */
  | { readonly do: 'stop-copy' | 'delete-copy'; readonly machine: Decided }
  /** Removes an orphan that a person has given up: it is stopped as a VM would be. */
  | { readonly do: 'stop-orphan' | 'delete-orphan'; readonly machine: Decided };
