import type { MessageInitShape } from '@bufbuild/protobuf';
import { Machine as MachineRpc } from '../gen/lenticular/driver/v1alpha1/machine_pb.js';
import type {
  MachineDisk as MachineDiskPb,
  MachineDiskSchema,
  MachineSpec as MachineSpecPb,
  MachineSpecSchema,
  MachineState as MachineStatePb,
  MachineStateSchema,
} from '../gen/lenticular/driver/v1alpha1/machine_pb.js';
import type { Machine, MachineDisk, MachineInterface, MachineService, MachineSpec } from '../machine.ts';
import { unary } from './call.ts';
import type { WireCalls } from './call.ts';
import { adoptionFrom, adoptionTo, callFrom, callTo, mutationFrom, mutationTo, ownerFrom, ownerTo } from './context.ts';
import { narrow, oneOf, present, wide } from './scalar.ts';

const POWER = ['running', 'paused', 'stopped', 'unknown'] as const;
const STOP_CAUSE = ['never-started', 'requested', 'guest-shutdown', 'crashed', 'lease-expired'] as const;
const rpc = MachineRpc.method;

function diskTo({ name, uid, readOnly, connection }: MachineDisk): MessageInitShape<typeof MachineDiskSchema> {
  return { name, uid, readOnly, connection: { protocol: connection.protocol, attributes: { ...connection.attributes } } };
}

function diskFrom(message: MachineDiskPb): MachineDisk {
  const { protocol, attributes } = present('disk.connection', message.connection);
  return { name: message.name, uid: message.uid, readOnly: message.readOnly, connection: { protocol, attributes } };
}

function specTo(spec: MachineSpec): MessageInitShape<typeof MachineSpecSchema> {
  return {
    owner: ownerTo(spec.owner),
    cpus: spec.cpus,
    memoryBytes: wide(spec.memoryBytes),
    ...(spec.boot !== undefined && { boot: spec.boot }),
    disks: spec.disks.map(diskTo),
    interfaces: spec.interfaces.map(({ name, mac, mode, bridge }) => ({ name, mac, mode, ...(bridge !== undefined && { bridge }) })),
    ...(spec.userData !== undefined && { userData: spec.userData }),
    leased: spec.leased === true,
  };
}

function bootFrom({ kernel, initrd, cmdline }: NonNullable<MachineSpecPb['boot']>): NonNullable<MachineSpec['boot']> {
  return { kernel, ...(initrd !== undefined && { initrd }), ...(cmdline !== undefined && { cmdline }) };
}

function specFrom(message: MachineSpecPb | undefined): MachineSpec {
  const spec = present('spec', message);
  return {
    owner: ownerFrom(spec.owner),
    cpus: spec.cpus,
    memoryBytes: narrow(spec.memoryBytes),
    ...(spec.boot !== undefined && { boot: bootFrom(spec.boot) }),
    disks: spec.disks.map(diskFrom),
    interfaces: spec.interfaces.map(({ name, mac, mode, bridge }, index): MachineInterface => {
      return {
        name,
        mac,
        mode: oneOf(`spec.interfaces[${index}].mode`, ['user', 'bridge'], mode),
        ...(bridge !== undefined && { bridge }),
      };
    }),
    ...(spec.userData !== undefined && { userData: spec.userData }),
    ...(spec.leased && { leased: true }),
  };
}

/** A machine for the wire. */
export function machineTo(machine: Machine): MessageInitShape<typeof MachineStateSchema> {
  return {
    id: machine.id,
    name: machine.name,
    ...(machine.owner !== undefined && { owner: ownerTo(machine.owner) }),
    released: machine.released,
    power: machine.power,
    ...(machine.stopCause !== undefined && { stopCause: machine.stopCause }),
    ...(machine.stoppingSinceMs !== undefined && { stoppingSinceMs: wide(machine.stoppingSinceMs) }),
    cpus: machine.cpus,
    memoryBytes: wide(machine.memoryBytes),
    disks: machine.disks.map(({ name, uid, sizeBytes, readOnly }) => ({ name, uid, sizeBytes: wide(sizeBytes), readOnly })),
    interfaces: machine.interfaces.map(({ name, mac, addresses }) => ({ name, mac, addresses: [...addresses] })),
    pendingChanges: [...machine.pendingChanges],
    drift: [...machine.drift],
    leased: machine.leased === true,
    generation: wide(machine.generation),
    placementEpoch: wide(machine.placementEpoch),
  };
}

/** A machine from the wire. */
export function machineFrom(message: MachineStatePb | undefined): Machine {
  const state = present('machine', message);
  return {
    id: state.id,
    name: state.name,
    ...(state.owner !== undefined && { owner: ownerFrom(state.owner) }),
    released: state.released,
    power: oneOf('machine.power', POWER, state.power),
    ...(state.stopCause !== undefined && { stopCause: oneOf('machine.stopCause', STOP_CAUSE, state.stopCause) }),
    ...(state.stoppingSinceMs !== undefined && { stoppingSinceMs: narrow(state.stoppingSinceMs) }),
    cpus: state.cpus,
    memoryBytes: narrow(state.memoryBytes),
    disks: state.disks.map(({ name, uid, sizeBytes, readOnly }) => ({ name, uid, sizeBytes: narrow(sizeBytes), readOnly })),
    interfaces: state.interfaces.map(({ name, mac, addresses }) => ({ name, mac, addresses })),
    pendingChanges: state.pendingChanges,
    drift: state.drift,
    ...(state.leased && { leased: true }),
    generation: narrow(state.generation),
    placementEpoch: narrow(state.placementEpoch),
  };
}

const machineResponse = {
  response: (machine: Machine) => ({ machine: machineTo(machine) }),
  result: (message: { readonly machine?: MachineStatePb | undefined }) => machineFrom(message.machine),
};
const nothing = { response: () => ({}), result: () => undefined };
const named = {
  mutating: true,
  request: (context: Parameters<MachineService['start']>[0], uid: string) => ({ context: mutationTo(context), uid }),
};

/** The calls of MachineService. */
export const machineCalls: WireCalls<MachineService> = {
  ensure: unary(rpc.ensure, {
    mutating: true,
    request: (context, spec) => ({ context: mutationTo(context), spec: specTo(spec) }),
    args: (message) => [mutationFrom(message.context), specFrom(message.spec)],
    ...machineResponse,
  }),
  start: unary(rpc.start, { ...named, args: (message) => [mutationFrom(message.context), message.uid], ...machineResponse }),
  stop: unary(rpc.stop, {
    mutating: true,
    request: (context, uid, how) => ({
      context: mutationTo(context),
      uid,
      mode: how.mode,
      deadlineMs: how.mode === 'graceful' ? wide(how.deadlineMs) : 0n,
    }),
    args: (message) => {
      const mode = oneOf('mode', ['graceful', 'hard'], message.mode);
      const how = mode === 'hard' ? { mode } : { mode, deadlineMs: narrow(message.deadlineMs) };
      return [mutationFrom(message.context), message.uid, how];
    },
    ...machineResponse,
  }),
  delete: unary(rpc.delete, { ...named, args: (message) => [mutationFrom(message.context), message.uid], ...nothing }),
  release: unary(rpc.release, { ...named, args: (message) => [mutationFrom(message.context), message.uid], ...nothing }),
  get: unary(rpc.get, {
    mutating: false,
    request: (context, uid) => ({ context: callTo(context), uid }),
    args: (message) => [callFrom(message.context), message.uid],
    response: (machine) => (machine === undefined ? {} : { machine: machineTo(machine) }),
    result: ({ machine }) => (machine === undefined ? undefined : machineFrom(machine)),
  }),
  list: unary(rpc.list, {
    mutating: false,
    request: (context) => ({ context: callTo(context) }),
    args: (message) => [callFrom(message.context)],
    response: (machines) => ({ machines: machines.map(machineTo) }),
    result: ({ machines }) => machines.map(machineFrom),
  }),
  attachDisk: unary(rpc.attachDisk, {
    mutating: true,
    request: (context, uid, disk) => ({ context: mutationTo(context), uid, disk: diskTo(disk) }),
    args: (message) => [mutationFrom(message.context), message.uid, diskFrom(present('disk', message.disk))],
    ...machineResponse,
  }),
  detachDisk: unary(rpc.detachDisk, {
    mutating: true,
    request: (context, uid, diskUid) => ({ context: mutationTo(context), uid, diskUid }),
    args: (message) => [mutationFrom(message.context), message.uid, message.diskUid],
    ...machineResponse,
  }),
  growDisk: unary(rpc.growDisk, {
    mutating: true,
    request: (context, uid, disk) => ({ context: mutationTo(context), uid, diskUid: disk.uid, sizeBytes: wide(disk.sizeBytes) }),
    args: (message) => [mutationFrom(message.context), message.uid, { uid: message.diskUid, sizeBytes: narrow(message.sizeBytes) }],
    ...machineResponse,
  }),
  adopt: unary(rpc.adopt, { mutating: true, request: adoptionTo, args: adoptionFrom, ...machineResponse }),
};
