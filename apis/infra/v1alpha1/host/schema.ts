import { z } from 'zod';
import { boundedMap } from '../../../meta/bounded-map.ts';
import { conditionsOf, PENDING } from '../../../meta/condition.ts';
import { Allocation, Collect, DriverRef, Limits, ObjectName, Resources, UnmanagedList } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';
import { Quantity } from '../../../meta/quantity.ts';

const PowerRef = z.strictObject({
  driver: z.string().min(1).max(63).describe('The power driver.'),
  endpoint: z.string().max(253).exactOptional().describe('Address of the management controller.'),
  config: boundedMap(z.unknown(), { maxKeyLength: 63, maxProperties: 64 })
    .default({})
    .meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true })
    .describe("The power driver's own configuration."),
});

export const HostSpec = z.strictObject({
  pod: ObjectName.describe('The pod (rack) that it is in. Immutable.'),
  driver: DriverRef.describe('The driver that runs machines on it.'),
  power: PowerRef.exactOptional().describe('How it is switched on and off.'),
  allocation: Allocation,
  maintenance: z
    .boolean()
    .default(false)
    .describe(
      'Asks for the host to be drained: VMs with onMaintenance Restart are stopped and started elsewhere, those that stand still leave. A VM that may not be stopped blocks it, by name.',
    ),
  outOfService: z
    .strictObject({
      bootId: z.string().min(1).max(128).describe('The boot that is declared dead.'),
      reason: z.string().min(1).max(256).describe('Why, for the record.'),
    })
    .exactOptional()
    .describe("An operator's proof that the host is dead, for that boot only: void once another one was seen."),
  reserved: z
    .strictObject({
      cpus: z.int().min(0).max(65_536).default(0).describe('CPUs kept for the host itself.'),
      memory: Quantity.default('0').describe('Memory kept for the host itself.'),
    })
    .prefault({})
    .describe('What is never given out.'),
  limits: Limits,
  collect: Collect,
});

/**
 * Pending: not looked at yet. PodNotFound: the pod does not exist. DriverUnknown: no such driver here. ConfigInvalid: the driver refuses
 * the configuration, or it leads to another machine while something of this one is in use. DriverUnreachable: the driver does not answer. DuplicateHost: another Host object is this machine.
 * Suspect: it has been silent for too long, and nothing proves it dead. FailoverPaused, DryRun: it would be switched off, were that not kept from us.
 * StormGuard: too many hosts of the zone are silent at once to believe it of each. PoweringOff: it is being switched off. Fenced: it is proven dead.
 * PowerOff, OutOfService, LeaseExpired: what proves it: its power driver, spec.outOfService, or its own lease. NotFenced: nothing does.
 * Cleaning: it is back, and copies of VMs that moved away meanwhile are removed before anything else is done.
 * MaintenanceBlocked: a VM may not be stopped. Draining: VMs are leaving. InMaintenance: drained as asked. AsDeclared: ready.
 * NearlyFull, Full: most, or next to all, of its storage or memory is in use, so nothing new is placed there. HasRoom: neither. NotSeen: nobody can tell.
 * InUse: deletion waits for VMs. Deleting: leaving. Reachable, NotReachable: whether it answers.
 */
export const HostReason = z.enum([
  'Pending',
  'PodNotFound',
  'DriverUnknown',
  'ConfigInvalid',
  'DriverUnreachable',
  'DuplicateHost',
  'Suspect',
  'FailoverPaused',
  'DryRun',
  'StormGuard',
  'PoweringOff',
  'Fenced',
  'PowerOff',
  'OutOfService',
  'LeaseExpired',
  'NotFenced',
  'Cleaning',
  'MaintenanceBlocked',
  'Draining',
  'InMaintenance',
  'NotInMaintenance',
  'AsDeclared',
  'NearlyFull',
  'Full',
  'HasRoom',
  'NotSeen',
  'InUse',
  'Deleting',
  'Reachable',
  'NotReachable',
]);

export type HostReason = z.output<typeof HostReason>;

/** Leased machines of one host that a proof names. */
export const MOST_LEASED = 1024;

export const HostStatus = z.strictObject({
  observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this status is about.'),
  hostId: z.string().max(128).exactOptional().describe("The driver's stable id of the machine."),
  bootId: z.string().max(128).exactOptional().describe('Changes with every boot of the host.'),
  capacity: Resources.exactOptional().describe('What the host has.'),
  allocatable: Resources.exactOptional().describe('What may be given out.'),
  allocated: Resources.exactOptional().describe('What is given out to VMs placed here.'),
  driver: z
    .strictObject({
      name: z.string().max(63).describe('The driver that answered.'),
      version: z.string().max(63).describe('Its version.'),
      reached: z.string().max(16).exactOptional().describe('A digest of the spec.driver by which the host was seen.'),
    })
    .exactOptional()
    .describe('Which driver serves it.'),
  facts: boundedMap(z.string().max(253), { maxKeyLength: 63, maxProperties: 64 })
    .exactOptional()
    .describe('What the driver says about the host, for people.'),
  capabilities: z
    .array(z.string().max(128))
    .max(64)
    .exactOptional()
    .describe('What its driver can do, among it `disk-protocol.NAME` for each way to open a disk.'),
  machines: z.int().min(0).exactOptional().describe('Machines of ours on the host.'),
  leaseSeconds: z
    .int()
    .min(1)
    .exactOptional()
    .describe('After how long without a renewal the host stops, by itself, machines whose onHostFailure is Reschedule; absent: never.'),
  unmanaged: UnmanagedList.exactOptional(),
  fence: z
    .strictObject({
      bootId: z.string().max(128).describe('The boot that is proven dead: nothing that ran in it runs any more.'),
      evidence: z
        .enum(['PowerOff', 'OutOfService', 'LeaseExpired'])
        .describe(
          'PowerOff: the power driver confirmed that it is off. OutOfService: an operator stated it. LeaseExpired: the host stops machines by itself when its lease is not renewed, and has not answered for longer.',
        ),
      message: z.string().max(512).describe('The evidence, as a sentence.'),
      machines: z
        .array(z.string().max(63))
        .max(MOST_LEASED)
        .exactOptional()
        .describe('With LeaseExpired: uids of the virtual machines that it is proven of; of others that ran there it is not.'),
    })
    .exactOptional()
    .describe('The proof that the host is dead; kept until it is back and cleaned.'),
  conditions: conditionsOf(['Ready', 'Reachable', 'Maintenance', 'Fenced', 'Full', 'Reconciling', 'Stalled'], HostReason),
});

export const HostFields = z.strictObject({
  spec: HostSpec.describe('What is declared.'),
  status: HostStatus.default({ conditions: [...PENDING.conditions] }).describe('What was observed.'),
});

export type Host = ObjectOf<z.output<typeof HostFields>>;
