import type { Allocation } from '../../apis/meta/fields.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Disk, Operation } from '../../drivers/contract/disk.ts';
import type { PowerState } from '../../drivers/contract/machine.ts';
import type { Answer } from '../runtime/device.ts';
import type { Plan, Planned } from '../runtime/plan.ts';

export type VolumeReason = Volume['status']['conditions'][number]['reason'];
export type VolumeStatus = Planned<Volume['status']>;
export type VolumePlan = Plan<VolumeStep, VolumeStatus>;
export type Claim = NonNullable<Volume['status']['claim']>;

/** A pool as a volume sees it. */
export interface PoolFact {
  readonly name: string;
  /** Whether it serves disks, and else why not. */
  readonly ready: boolean;
  readonly reason: string;
  readonly full: boolean;
  readonly deleting: boolean;
  /** Whether the zone that it is in exists: only that zone's leader may call. */
  readonly led: boolean;
  /** The strictest of the pool and what it is in. */
  readonly allocation: Allocation;
  /** Bytes that may be promised: capacity times overcommit. */
  readonly limitBytes: number;
  /** Bytes promised to other volumes, as far as they come before this one. */
  readonly promisedBytes: number;
}

/** A VM that lists the volume, and where it was placed. */
export type Wanting = Claim;

/** What the machine of the claim does with the disk. */
export type Holder =
  /** `begun`: its VM, as far as is seen, is not done with it yet. */
  | { readonly state: 'holds'; readonly power: PowerState; readonly canGrow: boolean; readonly begun?: true }
  /** Surely not attached: seen to be so, or its host is proven dead. */
  | { readonly state: 'free' }
  /** Seen without it; but a call that gives it the disk may be under way. */
  | { readonly state: 'without'; readonly because: string }
  | { readonly state: 'unknown'; readonly because: string };

/** Where the bytes come from. */
export type Source =
  | { readonly state: 'ready'; readonly uid: string }
  | { readonly state: 'absent'; readonly because: string }
  | { readonly state: 'busy'; readonly because: string };

/** The disk that spec.adopt names. */
export type Adoptable =
  /** Nobody manages it; `from` is the uid of its tag, empty where it has none. */
  | { readonly state: 'there'; readonly from: string; readonly sizeBytes: number }
  | { readonly state: 'managed'; readonly by: string }
  /** It was a disk of that namespace, whose data is no other's. */
  | { readonly state: 'elsewhere'; readonly namespace: string }
  | { readonly state: 'absent' };

/** A step that the driver refused for good, in this generation of the object. */
export interface Refused {
  readonly step: string;
  readonly message: string;
}

/** What is known about a volume in one round. */
export interface VolumeFacts {
  /** Pools that it may live in, while none is chosen; the named one, or those that the selector finds. */
  readonly offers: readonly PoolFact[];
  /** The pool that was chosen; undefined: none was, or it is gone. */
  readonly pool?: PoolFact;
  /** Undefined: nobody asked. */
  readonly disk?: Answer<Disk | undefined>;
  readonly capabilities: readonly string[];
  /** The operation of status.operation, as the driver knows it. */
  readonly operation?: Operation;
  /** Undefined: it needs no other volume. */
  readonly source?: Source;
  /** Undefined: it takes no disk in, or has it already. */
  readonly adoptable?: Adoptable;
  /** VMs with a verified placement that list it, oldest first. */
  readonly wanting: readonly (Wanting & { readonly hostId: string })[];
  /** Whether the VM of the claim still wants it, at the claim's placement. */
  readonly claimHolds: boolean;
  /** Undefined: nobody has a claim. */
  readonly holder?: Holder;
  /** The stable id of the claim's host; undefined where it is not known. */
  readonly claimHostId?: string;
  /** A volume that is being filled from this one. */
  readonly clonedBy?: string;
  /** Why the driver refused the last step for good. */
  readonly refused?: Refused;
}

export type VolumeStep =
  | { readonly do: 'create'; readonly sizeBytes: number }
  | { readonly do: 'import'; readonly sizeBytes: number; readonly image: string; readonly operationId: string }
  | { readonly do: 'clone'; readonly sizeBytes: number; readonly sourceUid: string; readonly operationId: string }
  | { readonly do: 'adopt'; readonly id: string; readonly from: string }
  | { readonly do: 'expand'; readonly sizeBytes: number }
  | { readonly do: 'unpublish'; readonly hostId: string }
  | { readonly do: 'cancel'; readonly operationId: string }
  | { readonly do: 'delete' }
  | { readonly do: 'release' };
