import { z } from 'zod';
import { conditionsOf, PENDING } from '../../../meta/condition.ts';
import { Abandon, BareName, ObjectName, PartName, Protected } from '../../../meta/fields.ts';
import type { ObjectOf } from '../../../meta/object.ts';
import { Quantity } from '../../../meta/quantity.ts';
import { LabelSelector } from '../../../meta/selector.ts';

const MAC = /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/;

const MacAddress = z.string().max(17).regex(MAC, 'must be a locally administered unicast address in lower case, such as 02:00:00:00:00:01');

const Boot = z.strictObject({
  kernel: BareName.describe("A kernel in the host's image folder."),
  initrd: BareName.exactOptional().describe("An initial RAM disk in the host's image folder."),
  cmdline: z
    .string()
    .max(2048)
    .regex(/^[ -~]*$/, 'must be printable ASCII')
    .exactOptional()
    .describe('Arguments for the kernel.'),
});

const Disk = z.strictObject({
  name: PartName.describe('The name inside the VM; its first 20 characters are the serial number that the guest sees.'),
  volume: ObjectName.describe('A volume of the same namespace.'),
  readOnly: z.boolean().default(false).describe('Whether the guest may only read it.'),
});

const Interface = z.strictObject({
  name: PartName.describe('The name inside the VM.'),
  mode: z
    .enum(['User', 'Bridge'])
    .default('User')
    .describe('User: out through the host, nothing comes in. Bridge: on a bridge of the host.'),
  bridge: BareName.max(15).exactOptional().describe('A bridge that the operator allowed on the host; only with mode Bridge.'),
  mac: MacAddress.exactOptional().describe("The hardware address; derived from the VM's uid and this name where it is not given."),
});

const AntiAffinity = z.strictObject({
  topology: z.enum(['Host', 'Pod', 'Zone']).describe('What must not be shared.'),
  labelSelector: LabelSelector.describe('With which VMs of the namespace.'),
  mode: z.enum(['Required', 'Preferred']).default('Required').describe('Whether the VM rather waits than shares.'),
});

const Placement = z.strictObject({
  zone: ObjectName.exactOptional().describe('The zone to run in; any where it is not given. Immutable.'),
  pod: ObjectName.exactOptional().describe('The pod (rack) to run in.'),
  hostSelector: LabelSelector.exactOptional().describe('Labels of the hosts that may run it.'),
  antiAffinity: z
    .array(AntiAffinity)
    .max(8)
    .default([])
    .describe('What it shall not share with whom.')
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
  strategy: z
    .enum(['Spread', 'Pack', 'FirstFit'])
    .default('Spread')
    .describe('Spread: the emptiest host. Pack: the fullest that fits. FirstFit: the first by name.'),
});

export const VirtualMachineSpec = z.strictObject({
  running: z.boolean().default(true).describe('Whether it shall run.'),
  restartPolicy: z
    .enum(['Always', 'OnFailure'])
    .default('Always')
    .describe(
      "What a guest's own clean shutdown means. Always: it is started again. OnFailure: it stays off. A crash is always a failure. What ends again and again is started again after a delay that grows to 5 min.",
    ),
  restartToken: z.string().max(64).default('').describe('A change restarts it, as it starts one that shut itself down.'),
  stopTimeoutSeconds: z.int().min(0).max(3600).default(60).describe('How long a guest may take to shut down before it is switched off.'),
  cpus: z.int().min(1).max(512).describe('Virtual CPUs.'),
  memory: Quantity.describe('Memory.'),
  boot: Boot.exactOptional().describe('Boots this kernel; the first disk without.'),
  disks: z
    .array(Disk)
    .max(24)
    .default([])
    .describe('Disks, in boot order.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  interfaces: z
    .array(Interface)
    .max(8)
    .default([])
    .describe('Network interfaces.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  placement: Placement.prefault({}).describe('Where it may run.'),
  userData: z
    .strictObject({
      secretRef: ObjectName.exactOptional().describe('A Secret of the same namespace whose key userData holds it.'),
      inline: z.string().max(16_384).exactOptional().describe('The text itself.'),
    })
    .exactOptional()
    .describe('cloud-init user data: exactly one of secretRef and inline.'),
  onHostFailure: z
    .enum(['Reschedule', 'Wait', 'Fail'])
    .default('Reschedule')
    .describe(
      'When its host is proven dead. Reschedule: runs elsewhere. Wait: waits for the host. Fail: stays off until the host is back, or a new restartToken starts it elsewhere.',
    ),
  onMaintenance: z
    .enum(['Stay', 'Restart'])
    .default('Stay')
    .describe(
      'When its host shall be drained. Stay: it runs on, and blocks the maintenance. Restart: once another host has room, its guest is shut down within stopTimeoutSeconds, and started there.',
    ),
  driftPolicy: z
    .enum(['Enforce', 'Observe'])
    .default('Enforce')
    .describe('When somebody changed the machine behind our back. Enforce: repaired. Observe: reported.'),
  adopt: z
    .string()
    .min(1)
    .max(253)
    .exactOptional()
    .describe('Id of an unmanaged machine of placement.zone to take in, as status.unmanaged of its host lists it. Immutable.'),
  protected: Protected,
  abandon: Abandon,
});

/**
 * Pending: not looked at yet. ZoneNotFound: its zone does not exist. Unschedulable: no host fits; the message counts why. HostNotFound: its host's
 * object is gone. VolumeNotFound, VolumeNotReady, VolumeClaimed: a disk cannot be attached yet. WaitingForClaims: its volumes are not granted yet.
 * Adopting: a machine is being taken in. NotAdoptable: what spec.adopt names is not there, is managed, or holds disks that are not declared.
 * Moving: its place no longer fits and is given up. Abandoned: it goes without proof, as spec.abandon says.
 * Scheduled, DisksReady: done. Preparing: the machine is being made. Starting, Stopping, Restarting, Deleting: moving. Running, Stopped: as declared.
 * GuestShutdown: the guest shut itself down and stays off. GuestRestarts: it is started again after a clean shutdown or a crash.
 * CrashLoop: its guest ends by itself again and again, and is started again ever more slowly. StartQueued: many machines crashed at once,
 * and it is not its turn yet.
 * Drifted: the machine differs and is only reported. HostUnreachable: nobody can tell. HostDisabled: no call may change anything there.
 * ConfigInvalid, Refused: the driver cannot work as asked. NotSupported: a declared field is not supported. NoCapacity: the host is full after all.
 * HostFailed: its host is proven dead, or was and is being cleaned. Evacuating: it leaves a host in maintenance. DriverFailed: the driver reports a fault. ChangesPending, NoChangesPending: whether a restart would change something.
 */
export const VirtualMachineReason = z.enum([
  'Pending',
  'ZoneNotFound',
  'Unschedulable',
  'HostNotFound',
  'VolumeNotFound',
  'VolumeNotReady',
  'VolumeClaimed',
  'WaitingForClaims',
  'Adopting',
  'NotAdoptable',
  'Moving',
  'Scheduled',
  'DisksReady',
  'Preparing',
  'Starting',
  'Stopping',
  'Restarting',
  'Deleting',
  'Abandoned',
  'Running',
  'Stopped',
  'GuestShutdown',
  'GuestRestarts',
  'CrashLoop',
  'StartQueued',
  'Drifted',
  'HostUnreachable',
  'HostDisabled',
  'HostFailed',
  'Evacuating',
  'ConfigInvalid',
  'Refused',
  'NotSupported',
  'NoCapacity',
  'DriverFailed',
  'ChangesPending',
  'NoChangesPending',
]);

export type VirtualMachineReason = z.output<typeof VirtualMachineReason>;

export const VirtualMachineStatus = z.strictObject({
  observedGeneration: z.int().min(0).exactOptional().describe('metadata.generation that this status is about.'),
  phase: z
    .enum(['Pending', 'Scheduling', 'WaitingForDisks', 'Starting', 'Running', 'Stopping', 'Stopped', 'Failed', 'Unknown', 'Deleting'])
    .exactOptional()
    .describe('A summary for people; programs read the conditions.'),
  zone: z.string().max(253).exactOptional().describe('The zone that was chosen.'),
  host: z.string().max(253).exactOptional().describe('The host that was chosen.'),
  placementEpoch: z.int().min(0).exactOptional().describe('Grows with every placement.'),
  machineId: z.string().max(253).exactOptional().describe("The driver's id of the machine."),
  leased: z
    .literal(true)
    .exactOptional()
    .describe('Its host was seen to stop the machine by itself when the lease of the host is not renewed.'),
  adopted: z.string().max(253).exactOptional().describe('The id of the machine that was taken in.'),
  powerState: z.enum(['Running', 'Paused', 'Stopped', 'Unknown']).exactOptional().describe('What the machine was seen to do.'),
  restartToken: z.string().max(64).exactOptional().describe('The restartToken that the running machine was started for.'),
  interfaces: z
    .array(
      z.strictObject({
        name: z.string().max(63).describe('The name inside the VM.'),
        mac: z.string().max(17).describe('The hardware address.'),
        addresses: z.array(z.string().max(45)).max(16).describe('IP addresses that were learnt.'),
      }),
    )
    .max(8)
    .exactOptional()
    .describe('Network interfaces.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
  pendingChanges: z.array(z.string().max(63)).max(16).exactOptional().describe('Declared changes that take effect at the next start.'),
  conditions: conditionsOf(['Ready', 'Scheduled', 'DisksReady', 'RestartPending', 'Reconciling', 'Stalled'], VirtualMachineReason),
});

export const VirtualMachineFields = z.strictObject({
  spec: VirtualMachineSpec.describe('What is declared.'),
  status: VirtualMachineStatus.default({ conditions: [...PENDING.conditions] }).describe('What was observed.'),
});

export type VirtualMachine = ObjectOf<z.output<typeof VirtualMachineFields>>;
