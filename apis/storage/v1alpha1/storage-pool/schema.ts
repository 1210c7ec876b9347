import { z } from 'zod';
import { conditionsOf, PENDING } from '../../../meta/condition.ts';
import { Allocation, Collect, DriverRef, ObjectName, Protected, UnmanagedList } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';
import { Quantity } from '../../../meta/quantity.ts';

export const StoragePoolSpec = z.strictObject({
  scope: z
    .strictObject({
      zone: ObjectName.exactOptional().describe('Every host of this zone reaches it.'),
      pod: ObjectName.exactOptional().describe('Every host of this pod reaches it.'),
      host: ObjectName.exactOptional().describe('Only this host reaches it.'),
    })
    .describe('Who reaches it: exactly one of zone, pod and host. Immutable.'),
  driver: DriverRef.describe('The driver that keeps disks in it.'),
  allocation: Allocation,
  overcommitPercent: z.int().min(1).max(10_000).default(100).describe('Bytes of disks promised per 100 bytes of capacity.'),
  thresholdPercent: z
    .int()
    .min(1)
    .max(100)
    .default(90)
    .describe('From this much of its capacity in use on, the condition Full says so, and no new disks are made in it.'),
  protected: Protected,
  collect: Collect,
});

/**
 * Pending: not looked at yet. ScopeNotFound: the zone, pod or host of its scope does not exist. DriverUnknown: no such driver here.
 * ConfigInvalid: the driver refuses the configuration. DriverUnreachable: the driver does not answer. AsDeclared: ready.
 * InUse: deletion waits for volumes. Deleting: leaving. NearlyFull: over its threshold, so no new disks are made there. Full: less than a
 * hundredth is left. HasRoom: neither. NotSeen: nobody can tell how full it is.
 */
export const StoragePoolReason = z.enum([
  'Pending',
  'ScopeNotFound',
  'DriverUnknown',
  'ConfigInvalid',
  'DriverUnreachable',
  'AsDeclared',
  'InUse',
  'Deleting',
  'NearlyFull',
  'Full',
  'HasRoom',
  'NotSeen',
]);

export type StoragePoolReason = z.output<typeof StoragePoolReason>;

export const StoragePoolStatus = z.strictObject({
  observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this status is about.'),
  poolId: z.string().max(128).exactOptional().describe("The driver's stable id of the pool."),
  capacity: Quantity.exactOptional().describe('What the pool holds.'),
  used: Quantity.exactOptional().describe('What is taken of it, in bytes on the device, rounded to 1 % of capacity.'),
  provisioned: Quantity.exactOptional().describe('What was promised to volumes.'),
  protocols: z.array(z.string().max(63)).max(16).exactOptional().describe('How hosts reach its disks.'),
  unmanaged: UnmanagedList.exactOptional(),
  conditions: conditionsOf(['Ready', 'Full', 'Reconciling', 'Stalled'], StoragePoolReason),
});

export const StoragePoolFields = z.strictObject({
  spec: StoragePoolSpec.describe('What is declared.'),
  status: StoragePoolStatus.default({ conditions: [...PENDING.conditions] }).describe('What was observed.'),
});

export type StoragePool = ObjectOf<z.output<typeof StoragePoolFields>>;
