import type { CallContext, MutationContext } from '../contract/fence.ts';
import { passObject, passTombstone } from '../contract/fence-check.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { Machine, MachineService, MachineSpec } from '../contract/machine.ts';
import { checkBytes, checkCount, checkFence, checkUid } from '../contract/names.ts';
import { checkOwnership } from './fence-guard.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { listMachineFolders, machineFolder, readMachine, removeMachine, writeMachine, type MachineRecord } from './machine-record.ts';
import { growDisk, plugDisk, unplugDisk } from './machine-plug.ts';
import { holdMachine, lookUpSettled, observeMachine, viewOf, type KnownMachine } from './machine-settle.ts';
import { canonical, checkDisk, checkSpec } from './machine-spec.ts';
import { startEngine } from './machine-start.ts';
import { stopEngine } from './machine-stop.ts';

const MAX_DEADLINE_MS = 24 * 60 * 60 * 1000;
const LIST_AT_ONCE = 16;

/** Gives the host of a call's session; UNAVAILABLE where it is not open, or draining. */
export type FindHost = (context: CallContext) => HostEndpoint;

async function obey(machine: KnownMachine, context: MutationContext, signal: AbortSignal): Promise<KnownMachine> {
  checkOwnership(context.fence, { owner: machine.record.spec.owner, released: machine.record.released });
  const fence = passObject(context.fence, machine.record.fence);
  if (canonical(fence) === canonical(machine.record.fence)) return machine;
  const record = { ...machine.record, fence };
  await writeMachine(machine.folder, record, signal);
  return { ...machine, record };
}

async function known(host: HostEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<KnownMachine | undefined> {
  const machine = await lookUpSettled(host, uid, signal);
  return machine === undefined ? undefined : obey(machine, context, signal);
}

async function required(host: HostEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<KnownMachine> {
  const machine = await known(host, context, uid, signal);
  if (machine === undefined) throw new DriverError('NOT_FOUND', 'MACHINE_NOT_FOUND', 'the host has no such machine', { metadata: { uid } });
  return machine;
}

async function makeMachine(host: HostEndpoint, context: MutationContext, spec: MachineSpec, signal: AbortSignal): Promise<KnownMachine> {
  const { uid } = spec.owner;
  if (spec.owner.installation !== context.fence.installation) {
    throw new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', 'spec.owner.installation differs from the fence', {
      metadata: { field: 'spec.owner.installation' },
    });
  }
  passTombstone('machine', context.fence, await host.fences.tombstone(uid, signal));
  const folder = machineFolder(host.dir, uid);
  const record: MachineRecord = { schema: 1, spec, released: false, fence: passObject(context.fence) };
  await writeMachine(folder, record, signal);
  host.changed(uid);
  return { folder, record, facts: { kind: 'absent' } };
}

async function ensure(host: HostEndpoint, context: MutationContext, spec: MachineSpec, signal: AbortSignal): Promise<KnownMachine> {
  const found = await lookUpSettled(host, spec.owner.uid, signal);
  if (found === undefined) return makeMachine(host, context, spec, signal);
  if (canonical(found.record.spec.owner) !== canonical(spec.owner)) {
    throw new DriverError('ALREADY_EXISTS', 'FOREIGN_OWNER', 'the machine belongs to another object', {
      metadata: { uid: spec.owner.uid },
    });
  }
  const machine = await obey(found, context, signal);
  if (canonical(machine.record.spec) === canonical(spec)) return machine;
  const record = { ...machine.record, spec };
  await writeMachine(machine.folder, record, signal);
  host.changed(spec.owner.uid);
  return { ...machine, record };
}

async function start(host: HostEndpoint, machine: KnownMachine, signal: AbortSignal): Promise<KnownMachine> {
  const { facts } = machine;
  if (facts.kind === 'absent') return startEngine(host, machine, signal);
  if (facts.kind === 'silent') throw new DriverError('UNAVAILABLE', 'BACKEND', 'the machine does not answer', { retryAfterMs: 2000 });
  if (facts.status === 'running') return machine;
  await facts.connection.execute('cont', {}, signal);
  return { ...machine, facts: { ...facts, status: 'running' } };
}

async function remove(host: HostEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<void> {
  const machine = await known(host, context, uid, signal);
  const nowMs = host.options.clock.now();
  if (machine === undefined) return host.fences.bury(uid, passObject(context.fence), nowMs, signal);
  if (machine.facts.kind !== 'absent')
    throw new DriverError('FAILED_PRECONDITION', 'NEEDS_STOP', 'the machine is not proven to be stopped', { metadata: { uid } });
  await host.fences.bury(uid, machine.record.fence, nowMs, signal);
  await removeMachine(host.dir, machine.folder, signal);
  host.changed(uid);
}

async function release(host: HostEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<void> {
  const machine = await lookUpSettled(host, uid, signal);
  if (machine === undefined) return;
  const { record, folder } = machine;
  if (record.released && record.spec.owner.installation === context.fence.installation) return;
  checkOwnership(context.fence, { owner: record.spec.owner, released: record.released });
  // What is handed back runs as it runs: a stop that was asked for before is not ours to finish.
  const { stop: _stop, ...kept } = record;
  await writeMachine(folder, { ...kept, fence: passObject(context.fence, record.fence), released: true }, signal);
  host.dueStops.delete(uid);
  host.changed(uid);
}

/** All machines of the host, settled where nobody works on them. */
export async function listMachines(host: HostEndpoint, signal: AbortSignal): Promise<readonly Machine[]> {
  const folders = [...(await listMachineFolders(host.dir, signal))];
  const machines: Machine[] = [];
  const worker = async (): Promise<void> => {
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const record = await readMachine(folder, signal);
      const machine = record === undefined ? undefined : await observeMachine(host, record.spec.owner.uid, signal);
      if (machine !== undefined) machines.push(machine);
    }
  };
  await Promise.all(Array.from({ length: LIST_AT_ONCE }, worker));
  return machines.sort((left, right) => (left.id < right.id ? -1 : 1));
}

type Work<T> = (host: HostEndpoint) => Promise<T>;

/** The machines of the hosts that `find` gives. */
export function createMachineService(find: FindHost): MachineService {
  const alone = async <T>(context: MutationContext, uid: string, signal: AbortSignal, work: Work<T>): Promise<T> => {
    const host = find(context);
    checkFence('fence', context.fence);
    checkUid('uid', uid);
    using _held = await holdMachine(host, uid, signal);
    await host.fences.admit(context.fence, signal);
    return await work(host);
  };
  const change = (
    context: MutationContext,
    uid: string,
    signal: AbortSignal,
    work: (host: HostEndpoint, machine: KnownMachine) => Promise<KnownMachine>,
  ): Promise<Machine> =>
    alone(context, uid, signal, async (host) => viewOf(host, await work(host, await required(host, context, uid, signal)), signal));
  return {
    async ensure(context, spec, signal) {
      checkSpec(spec);
      return alone(context, spec.owner.uid, signal, async (host) => viewOf(host, await ensure(host, context, spec, signal), signal));
    },
    start: (context, uid, signal) => change(context, uid, signal, (host, machine) => start(host, machine, signal)),
    async stop(context, uid, how, signal) {
      if (how.mode === 'graceful') checkCount('deadlineMs', how.deadlineMs, 0, MAX_DEADLINE_MS);
      return change(context, uid, signal, (host, machine) => stopEngine(host, machine, how, signal));
    },
    delete: (context, uid, signal) => alone(context, uid, signal, (host) => remove(host, context, uid, signal)),
    release: (context, uid, signal) => alone(context, uid, signal, (host) => release(host, context, uid, signal)),
    async get(context, uid, signal) {
      checkUid('uid', uid);
      return observeMachine(find(context), uid, signal);
    },
    list: async (context, signal) => listMachines(find(context), signal),
    async attachDisk(context, uid, disk, signal) {
      checkDisk('disk', disk);
      return change(context, uid, signal, (host, machine) => plugDisk(host, machine, disk, signal));
    },
    async detachDisk(context, uid, diskUid, signal) {
      checkUid('diskUid', diskUid);
      return change(context, uid, signal, (host, machine) => unplugDisk(host, machine, diskUid, signal));
    },
    async growDisk(context, uid, disk, signal) {
      checkUid('disk.uid', disk.uid);
      checkBytes('disk.sizeBytes', disk.sizeBytes);
      return change(context, uid, signal, (host, machine) => growDisk(host, machine, disk, signal));
    },
    // A machine's sockets and files lie in a folder that is named by its uid, and a running engine has them open.
    adopt: () => Promise.reject(new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', 'this driver cannot take in machines')),
  };
}
