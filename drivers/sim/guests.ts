import type { StopCause } from '../contract/machine.ts';
import { DriverError } from '../contract/driver-error.ts';
import { UNSEEN_OBJECT } from '../contract/fence-check.ts';
import { diskDoc, diskDocs, hostDoc, hostDocs, machineDoc, machineDocs, poolDoc } from './documents.ts';
import type { HostDoc, MachineDoc } from './documents.ts';
import { disksIn } from './disks.ts';
import { settled } from './machine-state.ts';
import { machinesOn } from './machines.ts';
import type { Sim } from './sim.ts';

function halt(sim: Sim, host: HostDoc, machine: MachineDoc, cause: StopCause): void {
  const nowMs = sim.clock.now();
  const now = settled(machine, host, nowMs);
  if (now.active === undefined) return;
  sim.world.put('machines', host.uid, machine.id, settled({ ...now, stop: { beganMs: nowMs, endsMs: nowMs, cause } }, host, nowMs));
  sim.changed('machine', host.uid, machine.id);
}

/** What a guest does by itself: shuts down cleanly, or crashes. Throws where no such machine runs. */
export function guestStops(sim: Sim, uid: string, cause: 'guest-shutdown' | 'crashed'): void {
  sim.world.write(() => {
    const host = hostDocs(sim.world).find((doc) => {
      const machine = machineDoc(sim.world, doc.uid, uid);
      return machine !== undefined && settled(machine, doc, sim.clock.now()).active !== undefined;
    });
    const machine = host === undefined ? undefined : machineDoc(sim.world, host.uid, uid);
    if (host === undefined || machine === undefined) throw new Error(`no machine ${uid} runs`);
    halt(sim, host, machine, cause);
  });
}

function hostThere(sim: Sim, hostUid: string): HostDoc {
  const host = hostDoc(sim.world, hostUid);
  if (host !== undefined) return host;
  throw new DriverError('UNAVAILABLE', 'BACKEND', `there is no host ${hostUid}`);
}

/** A host loses power, and stays without: all its machines crash, and nothing on it answers. Off already: nothing. */
export function switchOff(sim: Sim, hostUid: string): void {
  sim.world.write(() => {
    const host = hostThere(sim, hostUid);
    if (host.off === true) return;
    for (const machine of machineDocs(sim.world, hostUid)) halt(sim, host, machine, 'crashed');
    sim.world.put('endpoints', 'machine', hostUid, { ...host, off: true });
    sim.changed('host', hostUid, '');
  });
}

/** A host gets power and boots: its boot id is new. On already: nothing. */
export function switchOn(sim: Sim, hostUid: string): void {
  sim.world.write(() => {
    const there = hostThere(sim, hostUid);
    if (there.off !== true) return;
    // A lease ends with the boot; what it had stopped, or crashed, stands still.
    for (const machine of machineDocs(sim.world, hostUid))
      sim.world.put('machines', hostUid, machine.id, settled(machine, there, sim.clock.now()));
    const { off: _off, lease: _lease, ...host } = there;
    sim.world.put('endpoints', 'machine', hostUid, { ...host, bootId: sim.newId(8) });
    sim.changed('host', hostUid, '');
  });
}

/** A host loses power and boots again: all its machines crash, and its boot id is new. */
export function powerLoss(sim: Sim, hostUid: string): void {
  sim.world.write(() => {
    switchOff(sim, hostUid);
    switchOn(sim, hostUid);
  });
}

/** Puts a machine that nobody here made on a host. */
export function plantMachine(sim: Sim, hostUid: string, id: string): void {
  if (hostDoc(sim.world, hostUid) === undefined) throw new Error(`there is no host ${hostUid}`);
  const description = { cpus: 1, memoryBytes: 2 ** 28, disks: [], interfaces: [] };
  const state = { released: false, bootedMs: 0, lastCause: 'never-started', drift: [], seen: UNSEEN_OBJECT } as const;
  sim.world.put('machines', hostUid, id, { id, name: id, description, active: description, ...state } satisfies MachineDoc);
  sim.changed('machine', hostUid, id);
}

/** Puts a disk that nobody here made into a pool. */
export function plantDisk(sim: Sim, poolUid: string, id: string, sizeBytes: number): void {
  if (poolDoc(sim.world, poolUid) === undefined) throw new Error(`there is no pool ${poolUid}`);
  const size = { sizeBytes, actualSizeBytes: sizeBytes };
  sim.world.put('disks', poolUid, id, { id, name: id, released: false, publishedTo: [], readyMs: 0, seen: UNSEEN_OBJECT, ...size });
  sim.changed('disk', poolUid, id);
}

/** Changes a machine behind its description's back, so that it drifts. */
export function driftMachine(sim: Sim, hostUid: string, uid: string, field: string): void {
  const machine = machineDoc(sim.world, hostUid, uid);
  if (machine === undefined) throw new Error(`there is no machine ${uid} on ${hostUid}`);
  sim.world.put('machines', hostUid, uid, { ...machine, drift: [...new Set([...machine.drift, field])] });
  sim.changed('machine', hostUid, uid);
}

/** Loses a disk, as a broken device does: no tombstone, no warning. */
export function loseDisk(sim: Sim, poolUid: string, uid: string): void {
  if (diskDoc(sim.world, poolUid, uid) === undefined) throw new Error(`there is no disk ${uid} in ${poolUid}`);
  sim.world.remove('disks', poolUid, uid);
  sim.changed('disk', poolUid, uid);
}

/** Everything that is in the world, as `Observe` would say it. */
export function describeWorld(sim: Sim): object {
  return {
    hosts: hostDocs(sim.world).map((host) => ({ ...host, machines: machinesOn(sim, host) })),
    pools: sim.world
      .all('endpoints')
      .flatMap(({ place, uid, doc }) => (place === 'disk' ? [{ ...(doc as object), disks: disksIn(sim, uid) }] : [])),
    filling: sim.world.all('endpoints').flatMap(({ place, uid }) => {
      return place === 'disk'
        ? diskDocs(sim.world, uid)
            .filter(({ readyMs }) => readyMs > sim.clock.now())
            .map(({ id }) => id)
        : [];
    }),
  };
}
