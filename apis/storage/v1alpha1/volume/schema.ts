import { z } from 'zod';
import { conditionsOf, PENDING } from '../../../meta/condition.ts';
import { Abandon, BareName, ObjectName, Protected } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';
import { Quantity } from '../../../meta/quantity.ts';
import { LabelSelector } from '../../../meta/selector.ts';

export const VolumeSpec = z.strictObject({
  storagePool: ObjectName.exactOptional().describe('The pool that holds the bytes. Immutable.'),
  poolSelector: LabelSelector.exactOptional().describe(
    'Picks a pool of zone or pod scope by its labels, at once and for good. Exactly one of this and storagePool. Immutable.',
  ),
  size: Quantity.describe('The size that a guest sees. It may grow, never shrink.'),
  source: z
    .strictObject({
      image: BareName.exactOptional().describe("An image in the pool's image folder."),
      volume: ObjectName.exactOptional().describe('A volume of the same namespace and pool, which must not be in use.'),
    })
    .exactOptional()
    .describe('What it starts with: exactly one of image and volume; empty without. Immutable.'),
  deletionPolicy: z
    .enum(['Delete', 'Retain'])
    .default('Delete')
    .describe('What becomes of the disk when the volume is deleted. Retain: it is handed back, unmanaged.'),
  adopt: z
    .string()
    .min(1)
    .max(253)
    .exactOptional()
    .describe('Id of an unmanaged disk of storagePool to take in, as status.unmanaged of the pool lists it. Immutable.'),
  protected: Protected,
  abandon: Abandon,
});

/**
 * Pending: not looked at yet. StoragePoolNotFound: the named pool does not exist. NoPoolMatches: no pool fits the selector.
 * PoolNotReady: the pool's driver does not serve it yet. PoolDisabled: the pool, or what it is in, takes no new disks or no calls.
 * PoolFull: no room. SourceNotFound, SourceInUse: its source cannot be read yet. Creating, Expanding: moving. ExpandWaits: grows when its VM's
 * driver can, or when it is detached. CannotShrink: the disk is larger than declared. AsDeclared: as declared. InUse: deletion waits for a VM.
 * Deleting: leaving. Abandoned: it goes without proof, as spec.abandon says. Adopting: the disk is being taken in. NotAdoptable: what spec.adopt
 * names is not there, or is managed. Missing: the disk was there and is gone. DriverUnreachable: the driver does not answer. Refused: the driver says that it
 * cannot work as asked. FillFailed: copying its source failed. NotSupported: the driver cannot do what is declared. Attached, Detached, Claimed: who has it.
 */
export const VolumeReason = z.enum([
  'Pending',
  'StoragePoolNotFound',
  'NoPoolMatches',
  'PoolNotReady',
  'PoolDisabled',
  'PoolFull',
  'SourceNotFound',
  'SourceInUse',
  'Creating',
  'Expanding',
  'ExpandWaits',
  'CannotShrink',
  'AsDeclared',
  'InUse',
  'Deleting',
  'Missing',
  'Abandoned',
  'Adopting',
  'NotAdoptable',
  'DriverUnreachable',
  'Refused',
  'FillFailed',
  'NotSupported',
  'Attached',
  'Detached',
  'Claimed',
]);

export type VolumeReason = z.output<typeof VolumeReason>;

export const VolumeStatus = z.strictObject({
  observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this status is about.'),
  pool: z.string().max(253).exactOptional().describe('The pool that was chosen.'),
  volumeId: z.string().max(253).exactOptional().describe("The driver's id of the disk."),
  operation: z.string().max(128).exactOptional().describe('The operation that fills the disk, decided before it was started.'),
  progressPercent: z.int().min(0).max(100).exactOptional().describe('How far that operation is, in steps of 10.'),
  size: Quantity.exactOptional().describe('The size that a guest sees now.'),
  actualSize: Quantity.exactOptional().describe('What it takes in the pool.'),
  claim: z
    .strictObject({
      virtualMachine: z.string().max(253).describe('The VM that may attach it.'),
      uid: z.string().max(64).describe("That VM's uid."),
      host: z.string().max(253).describe('The host where it may be attached.'),
      placementEpoch: z.int().min(0).describe('The placement for which the claim holds.'),
    })
    .exactOptional()
    .describe('Who may attach it: one VM at one placement.'),
  conditions: conditionsOf(['Ready', 'Attached', 'Resizing', 'Reconciling', 'Stalled'], VolumeReason),
});

export const VolumeFields = z.strictObject({
  spec: VolumeSpec.describe('What is declared.'),
  status: VolumeStatus.default({ conditions: [...PENDING.conditions] }).describe('What was observed.'),
});

export type Volume = ObjectOf<z.output<typeof VolumeFields>>;
