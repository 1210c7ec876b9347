import type { Category, HostService, PoolService, SessionService } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { checkFence, checkUid } from '../contract/names.ts';
import { PROTOCOL } from './attachments.ts';
import { checkPowerConfig, readHostConfig, readPoolConfig } from './config.ts';
import { disksIn } from './disks.ts';
import { hostDoc, machineDocs, operationDocs, passLeader, poolDoc } from './documents.ts';
import { renewLease } from './lease.ts';
import { momentsOf } from './machine-state.ts';
import { hostOf, machinesOn } from './machines.ts';
import type { Immediate, Sim } from './sim.ts';

/** Hints for what was under way when an earlier process ended. */
function resume(sim: Sim, category: Category, uid: string): void {
  if (category === 'power') return;
  const nowMs = sim.clock.now();
  if (category === 'disk') {
    for (const { uid: disk, endsMs } of operationDocs(sim.world, uid)) if (endsMs > nowMs) sim.changed('operation', uid, disk, [endsMs]);
    return;
  }
  for (const machine of machineDocs(sim.world, uid)) {
    const moments = momentsOf(machine, nowMs);
    if (moments.length > 0) sim.changed('machine', uid, machine.id, moments);
  }
}

/** Writes down what an endpoint is, where that is new: a driver that starts again opens thousands that are as they were. */
function settle({ world }: Sim, category: Category, uid: string, doc: object): void {
  if (JSON.stringify(world.get('endpoints', category, uid)) !== JSON.stringify(doc)) world.put('endpoints', category, uid, doc);
}

/** Opens simulated endpoints: a host or a pool comes into the world with its first session. */
export function simSessions(sim: Sim): Immediate<SessionService> {
  return {
    open(endpoint, config, fence) {
      const { category, uid, name } = endpoint;
      checkUid('endpoint.uid', uid);
      checkFence('fence', fence);
      sim.world.write(() => {
        passLeader(sim.world, fence);
        // The power of a host that is there, or comes with a session of its own: nothing is made for it.
        if (category === 'power') return checkPowerConfig(config);
        if (category === 'disk') {
          const read = readPoolConfig(config);
          const poolId = read.poolId === '' ? `sim-pool-${uid}` : read.poolId;
          return settle(sim, 'disk', uid, { uid, name, poolId, config: read });
        }
        const read = readHostConfig(config);
        const hostId = read.hostId === '' ? `sim-host-${uid}` : read.hostId;
        const before = hostDoc(sim.world, uid);
        const bootId = before?.bootId ?? sim.newId(8);
        // What a new configuration says of the lease counts from the next token that comes back.
        const kept = { ...(before?.off === true && { off: true }), ...(before?.lease !== undefined && { lease: before.lease }) };
        return settle(sim, 'machine', uid, { uid, name, hostId, bootId, config: read, ...kept });
      });
      const session = sim.sessions.open(endpoint);
      resume(sim, category, uid);
      return { session };
    },
    close: (session) => sim.sessions.close(session),
    drain: (session) => sim.sessions.drain(session),
  };
}

/** What is true of simulated hosts. */
export function simHosts(sim: Sim): Immediate<HostService> {
  return {
    observe({ session }) {
      const host = hostOf(sim, session);
      const { cpus, memoryBytes, storageBytes, usedMemoryBytes, usedStorageBytes } = host.config;
      const free = {
        freeMemoryBytes: Math.max(memoryBytes - usedMemoryBytes, 0),
        freeStorageBytes: Math.max(storageBytes - usedStorageBytes, 0),
      };
      const facts = { engine: 'sim', bootDelayMs: String(host.config.bootDelayMs) };
      return { hostId: host.hostId, bootId: host.bootId, cpus, memoryBytes, storageBytes, ...free, facts, machines: machinesOn(sim, host) };
    },
    renew: (context, token) => renewLease(sim, hostOf(sim, context.session), context, token),
  };
}

/** What is true of simulated pools. */
export function simPools(sim: Sim): Immediate<PoolService> {
  return {
    observe({ session }) {
      const { uid } = sim.sessions.endpoint(session, 'disk');
      const pool = poolDoc(sim.world, uid);
      if (pool === undefined) throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'the pool of the session is gone: open it again');
      const disks = disksIn(sim, uid);
      const { capacityBytes, reachableFrom } = pool.config;
      const usedBytes = disks.reduce((sum, disk) => sum + disk.actualSizeBytes, 0);
      return {
        poolId: pool.poolId,
        capacityBytes,
        usedBytes,
        disks,
        protocols: [PROTOCOL],
        ...(reachableFrom !== undefined && { reachableFrom }),
      };
    },
  };
}
