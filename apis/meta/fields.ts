import { z } from 'zod';
import { boundedMap } from './bounded-map.ts';
import { Quantity } from './quantity.ts';

/** The name of another object: a DNS-1123 subdomain. */
export const ObjectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be lower-case letters, digits, "-" and ".", and begin and end with a letter or digit');

/** The name of a part of an object, such as a disk: a DNS-1123 label. */
export const PartName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower-case letters, digits and "-", and begin and end with a letter or digit');

/** A bare name that a driver looks up in the operator's folders and lists; never a path. */
export const BareName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[a-z0-9][a-z0-9.-]*$/, 'must be a bare name of lower-case letters, digits, "." and "-"; paths are not accepted');

/** Whether new work may land here. */
export const Allocation = z
  .enum(['Enabled', 'Cordoned', 'Disabled'])
  .default('Enabled')
  .describe(
    'Enabled: takes new work. Cordoned: nothing new is placed, what is there is still repaired. Disabled: no call changes anything. The strictest of an object and its parents holds.',
  );

export type Allocation = z.output<typeof Allocation>;

/** Refuses deletion while true. */
export const Protected = z.boolean().default(false).describe('While true, deletion is refused, also through the namespace.');

/** Amounts that are offered, usable or taken. */
export const Resources = z.strictObject({
  cpus: z.int().min(0).describe('Virtual CPUs.'),
  memory: Quantity.describe('Memory.'),
  storage: Quantity.describe('Bytes of disks.'),
});

export type Resources = z.output<typeof Resources>;

/** Which driver serves an endpoint, and with which configuration. */
export const DriverRef = z.strictObject({
  name: PartName.describe('The driver.'),
  endpoint: z
    .string()
    .max(253)
    .exactOptional()
    .describe('host:port of a driver that runs elsewhere; absent: started beside the controllers.'),
  config: boundedMap(z.unknown(), { maxKeyLength: 63, maxProperties: 64 })
    .default({})
    .meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
    .describe("The driver's own configuration, checked against its schema."),
});

/** How many calls an endpoint takes at once. */
export const Limits = z
  .strictObject({
    inFlight: z.int().min(1).max(256).default(8).describe('Calls at once in all.'),
    perOperation: z.int().min(1).max(256).default(4).describe('Calls at once of one operation.'),
  })
  .prefault({})
  .describe('How many calls the endpoint takes at once.');

/** Something on a device that is not ours to touch. */
export const Unmanaged = z.strictObject({
  kind: z.enum(['Machine', 'Disk']).describe('What it is.'),
  id: z.string().max(253).describe("The driver's id for it."),
  name: z.string().max(253).describe("The driver's name for it."),
  why: z
    .enum(['foreign', 'released', 'orphan'])
    .describe('foreign: not ours. released: handed back. orphan: ours, but its object is gone, for example abandoned.'),
});

/** Devices' things that nobody here manages; bounded, so that one full device cannot overflow an object. */
export const UnmanagedList = z.array(Unmanaged).max(100).describe('Things on the device that are not managed, the first 100.');

/** Gives up on a dead device. */
export const Abandon = z
  .strictObject({ reason: z.string().min(1).max(256).describe('Why, for the record.') })
  .exactOptional()
  .describe(
    'Gives up on what a dead device holds: while the object is being deleted and the device does not answer, it goes without proof. What is left is an orphan.',
  );

/** Orphans that a person has asked to be deleted: the only way in which one ever is. */
export const Collect = z
  .array(z.string().min(1).max(253))
  .max(16)
  .default([])
  .describe('Ids of orphans in status.unmanaged to delete for good. What is not an orphan of this installation is never touched.')
  .meta({ 'x-kubernetes-list-type': 'atomic' });
