import { DriverError } from '../contract/driver-error.ts';
import { passObject, passTombstone, UNSEEN_OBJECT } from '../contract/fence-check.ts';
import type { Adoption, MutationContext, Owner } from '../contract/fence.ts';
import { checkMachineDisk, checkMachineSpec } from '../contract/machine-check.ts';
import type { Machine, MachineDisk, MachineService, MachineSpec } from '../contract/machine.ts';
import { checkBytes, checkCount, checkUid, fieldInvalid } from '../contract/names.ts';
import { diskDoc, hostDoc, machineDoc, machineDocs, passLeader, tombstone } from './documents.ts';
import type { Description, HostDoc, MachineDoc } from './documents.ts';
import { adoptThing } from './adoption.ts';
import { checkAttachable, checkDisks } from './attachments.ts';
import { checkLeaseHolds } from './lease.ts';
import { momentsOf, observed, settled } from './machine-state.ts';
import type { Immediate, Sim } from './sim.ts';

const MAX_STOP_MS = 24 * 3_600_000;

/** Refuses to touch what this installation did not make, or has handed back. */
export function checkOurs(
  thing: string,
  doc: { readonly owner?: Owner; readonly released: boolean; readonly id: string },
  installation: string,
): void {
  if (doc.owner?.installation === installation && !doc.released) return;
  throw new DriverError('ALREADY_EXISTS', 'FOREIGN_OWNER', `the ${thing} ${doc.id} is not this installation's`, {
    metadata: { uid: doc.id },
  });
}

/** The host of a session; what is off does not answer. */
export function hostOf(sim: Sim, session: string): HostDoc {
  const { uid } = sim.sessions.endpoint(session, 'machine');
  const host = hostDoc(sim.world, uid);
  if (host === undefined) throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'the host of the session is gone: open it again');
  if (host.off === true) throw new DriverError('UNAVAILABLE', 'BACKEND', `the host ${host.name} is off`);
  return host;
}

function view(sim: Sim, host: HostDoc, machine: MachineDoc): Machine {
  const nowMs = sim.clock.now();
  return observed(settled(machine, host, nowMs), host, nowMs, (pool, uid) => diskDoc(sim.world, pool, uid)?.sizeBytes ?? 0);
}

function keep(sim: Sim, host: HostDoc, machine: MachineDoc): Machine {
  sim.world.put('machines', host.uid, machine.id, machine);
  sim.changed('machine', host.uid, machine.id, momentsOf(machine, sim.clock.now()));
  return view(sim, host, machine);
}

/** Runs `change` on the machine as it is now, after its fence has passed; the machine must be there and ours. */
function changeMachine<T>(sim: Sim, context: MutationContext, uid: string, change: (machine: MachineDoc, host: HostDoc) => T): T {
  checkUid('uid', uid);
  const host = hostOf(sim, context.session);
  return sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const found = machineDoc(sim.world, host.uid, uid);
    if (found === undefined)
      throw new DriverError('NOT_FOUND', 'MACHINE_NOT_FOUND', `the host has no machine ${uid}`, { metadata: { uid } });
    checkOurs('machine', found, context.fence.installation);
    const seen = passObject(context.fence, found.seen);
    return change({ ...settled(found, host, sim.clock.now()), seen }, host);
  });
}

function checkCapacity(host: HostDoc, { cpus, memoryBytes }: Description): void {
  if (cpus <= host.config.cpus && memoryBytes <= host.config.memoryBytes) return;
  const has = `${host.config.cpus} CPUs and ${host.config.memoryBytes} bytes of memory`;
  throw new DriverError('RESOURCE_EXHAUSTED', 'NO_CAPACITY', `the host has ${has}, and the machine asks for more`);
}

function checkSpec(context: MutationContext, spec: MachineSpec): void {
  checkMachineSpec('spec', spec);
  if (spec.owner.installation !== context.fence.installation)
    throw fieldInvalid('spec.owner.installation', "must be the fence's installation");
  const bridged = spec.interfaces.find(({ mode }) => mode === 'bridge');
  if (bridged === undefined) return;
  throw new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', 'a simulated host has no bridges', {
    metadata: { interface: bridged.name },
  });
}

function ensure(sim: Sim, context: MutationContext, spec: MachineSpec): Machine {
  checkSpec(context, spec);
  const host = hostOf(sim, context.session);
  const { owner, ...description } = spec;
  return sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const found = machineDoc(sim.world, host.uid, owner.uid);
    if (found !== undefined) {
      checkOurs('machine', found, context.fence.installation);
      checkLeaseHolds(sim, host, found);
    } else passTombstone('machine', context.fence, tombstone(sim.world, host.uid, owner.uid));
    const seen = passObject(context.fence, found?.seen ?? UNSEEN_OBJECT);
    checkCapacity(host, description);
    checkDisks(sim.world, description.disks);
    if (found !== undefined && JSON.stringify(found.owner) !== JSON.stringify(owner)) {
      throw new DriverError('ALREADY_EXISTS', 'OTHER_CONTENT', `the machine ${owner.uid} belongs to another object`, {
        metadata: { uid: owner.uid },
      });
    }
    const fresh = { id: owner.uid, name: owner.name, owner, released: false, bootedMs: 0, lastCause: 'never-started', drift: [] } as const;
    const next = { ...(found === undefined ? fresh : settled(found, host, sim.clock.now())), description, drift: [], seen };
    if (found !== undefined && JSON.stringify(next) === JSON.stringify(found)) return view(sim, host, found);
    return keep(sim, host, next);
  });
}

function start(sim: Sim, machine: MachineDoc, host: HostDoc): Machine {
  if (machine.active !== undefined) return keep(sim, host, machine);
  checkCapacity(host, machine.description);
  checkLeaseHolds(sim, host, machine);
  for (const disk of machine.description.disks) checkAttachable(sim, host, machine.id, disk);
  return keep(sim, host, { ...machine, active: machine.description, bootedMs: sim.clock.now() + host.config.bootDelayMs });
}

function stop(sim: Sim, machine: MachineDoc, host: HostDoc, deadlineMs: number | undefined): Machine {
  if (machine.active === undefined) return keep(sim, host, machine);
  const nowMs = sim.clock.now();
  const beganMs = machine.stop?.beganMs ?? nowMs;
  if (deadlineMs === undefined)
    return keep(sim, host, settled({ ...machine, stop: { beganMs, endsMs: nowMs, cause: 'requested' } }, host, nowMs));
  // The plug's moment counts from the first graceful call: a repeated one changes nothing.
  if (machine.stop !== undefined) return keep(sim, host, machine);
  const heardMs = Math.max(nowMs, machine.bootedMs) + host.config.stopDelayMs;
  const endsMs = Math.min(host.config.ignoreShutdown ? Infinity : heardMs, beganMs + deadlineMs);
  return keep(sim, host, settled({ ...machine, stop: { beganMs, endsMs, cause: 'requested' } }, host, nowMs));
}

/** Takes a machine away, or hands it back; one that is not there is no error, but its fence counts. */
function leave(sim: Sim, context: MutationContext, uid: string, how: 'delete' | 'release'): void {
  checkUid('uid', uid);
  const host = hostOf(sim, context.session);
  sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const found = machineDoc(sim.world, host.uid, uid);
    const grave = tombstone(sim.world, host.uid, uid);
    if (found === undefined) {
      if (how === 'release') return;
      const seen = passObject(context.fence, grave ?? UNSEEN_OBJECT);
      return sim.world.put('tombstones', host.uid, uid, { ...seen, atMs: sim.clock.now() });
    }
    if (how === 'release' && found.released) return;
    checkOurs('machine', found, context.fence.installation);
    const seen = passObject(context.fence, found.seen);
    const machine = settled(found, host, sim.clock.now());
    if (how === 'release') return void keep(sim, host, { ...machine, released: true, seen });
    if (machine.active !== undefined)
      throw new DriverError('FAILED_PRECONDITION', 'NEEDS_STOP', `the machine ${uid} runs`, { metadata: { uid } });
    sim.world.remove('machines', host.uid, uid);
    sim.world.put('tombstones', host.uid, uid, { ...seen, atMs: sim.clock.now() });
    sim.changed('machine', host.uid, uid);
  });
}

function attach(sim: Sim, machine: MachineDoc, host: HostDoc, disk: MachineDisk): Machine {
  checkDisks(sim.world, [disk]);
  const add = (to: Description): Description => {
    if (to.disks.some(({ uid }) => uid === disk.uid)) return to;
    if (to.disks.some(({ name }) => name === disk.name)) throw fieldInvalid('disk.name', 'is the name of another disk of the machine');
    return { ...to, disks: [...to.disks, disk] };
  };
  if (machine.active !== undefined) checkAttachable(sim, host, machine.id, disk);
  const active = machine.active === undefined ? {} : { active: add(machine.active) };
  return keep(sim, host, { ...machine, description: add(machine.description), ...active });
}

function detach(sim: Sim, machine: MachineDoc, host: HostDoc, diskUid: string): Machine {
  const drop = (from: Description): Description => ({ ...from, disks: from.disks.filter(({ uid }) => uid !== diskUid) });
  // A guest that is still booting does not hear that it shall let go.
  if (machine.active?.disks.some(({ uid }) => uid === diskUid) === true && sim.clock.now() < machine.bootedMs) {
    throw new DriverError('ABORTED', 'GUEST_BUSY', 'the guest has not let the disk go yet', {
      retryAfterMs: machine.bootedMs - sim.clock.now(),
    });
  }
  const active = machine.active === undefined ? {} : { active: drop(machine.active) };
  return keep(sim, host, { ...machine, description: drop(machine.description), ...active });
}

function grow(sim: Sim, machine: MachineDoc, host: HostDoc, diskUid: string, sizeBytes: number): Machine {
  const attached = (machine.active ?? machine.description).disks.find(({ uid }) => uid === diskUid);
  const pool = attached?.connection.attributes.pool ?? '';
  const disk = diskDoc(sim.world, pool, diskUid);
  if (attached === undefined || disk === undefined) {
    throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', `the machine has no disk ${diskUid}`, { metadata: { uid: diskUid } });
  }
  if (sizeBytes < disk.sizeBytes)
    throw new DriverError('FAILED_PRECONDITION', 'SHRINK_REFUSED', `the disk already has ${disk.sizeBytes} bytes`);
  sim.world.put('disks', pool, diskUid, { ...disk, sizeBytes });
  sim.changed('disk', pool, diskUid);
  return keep(sim, host, machine);
}

function adopt(sim: Sim, context: MutationContext, adoption: Adoption): Machine {
  const host = hostOf(sim, context.session);
  const nowMs = sim.clock.now();
  const place = {
    ...({ thing: 'machine', table: 'machines', place: host.uid } as const),
    mine(uid: string): MachineDoc | undefined {
      const found = machineDoc(sim.world, host.uid, uid);
      if (found !== undefined) checkOurs('machine', found, context.fence.installation);
      return found;
    },
    find(id: string): MachineDoc {
      const found = machineDoc(sim.world, host.uid, id);
      if (found !== undefined) return settled(found, host, nowMs);
      throw new DriverError('NOT_FOUND', 'MACHINE_NOT_FOUND', `the host has no machine ${id}`, { metadata: { uid: id } });
    },
  };
  return adoptThing(sim.world, context, adoption, place, {
    keep: (machine) => keep(sim, host, machine),
    view: (machine) => view(sim, host, machine),
    nowMs,
  });
}

/** All machines of a host as they are now. */
export function machinesOn(sim: Sim, host: HostDoc): readonly Machine[] {
  return machineDocs(sim.world, host.uid).map((machine) => view(sim, host, machine));
}

/** Machines of simulated hosts. */
export function simMachines(sim: Sim): Immediate<MachineService> {
  const get = (session: string, uid: string): Machine | undefined => {
    checkUid('uid', uid);
    const host = hostOf(sim, session);
    const found = machineDoc(sim.world, host.uid, uid);
    return found === undefined ? undefined : view(sim, host, found);
  };
  return {
    ensure: (context, spec) => ensure(sim, context, spec),
    start: (context, uid) => changeMachine(sim, context, uid, (machine, host) => start(sim, machine, host)),
    stop(context, uid, how) {
      if (how.mode === 'graceful') checkCount('deadlineMs', how.deadlineMs, 0, MAX_STOP_MS);
      const deadlineMs = how.mode === 'graceful' ? how.deadlineMs : undefined;
      return changeMachine(sim, context, uid, (machine, host) => stop(sim, machine, host, deadlineMs));
    },
    delete: (context, uid) => leave(sim, context, uid, 'delete'),
    release: (context, uid) => leave(sim, context, uid, 'release'),
    get: ({ session }, uid) => get(session, uid),
    list: ({ session }) => machinesOn(sim, hostOf(sim, session)),
    attachDisk(context, uid, disk) {
      checkMachineDisk('disk', disk);
      return changeMachine(sim, context, uid, (machine, host) => attach(sim, machine, host, disk));
    },
    detachDisk(context, uid, diskUid) {
      checkUid('diskUid', diskUid);
      return changeMachine(sim, context, uid, (machine, host) => detach(sim, machine, host, diskUid));
    },
    growDisk(context, uid, disk) {
      checkUid('disk.uid', disk.uid);
      checkBytes('disk.sizeBytes', disk.sizeBytes);
      return changeMachine(sim, context, uid, (machine, host) => grow(sim, machine, host, disk.uid, disk.sizeBytes));
    },
    adopt: (context, adoption) => adopt(sim, context, adoption),
  };
}
