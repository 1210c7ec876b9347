import type { HostService, PoolService, SessionService } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { checkFence, checkUid } from '../contract/names.ts';
import { PROTOCOL } from './attachments.ts';
import { readHostConfig, readPoolConfig } from './config.ts';
import { disksIn } from './disks.ts';
import { hostDoc, machineDocs, operationDocs, passLeader, poolDoc } from './documents.ts';
import { momentsOf } from './machine-state.ts';
import { machinesOn } from './machines.ts';
import type { Immediate, Sim } from './sim.ts';

/** Hints for what was under way when an earlier process ended. */
function resume(sim: Sim, category: 'machine' | 'disk', uid: string): void {
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

/** Opens simulated endpoints: a host or a pool comes into the world with its first session. */
export function simSessions(sim: Sim): Immediate<SessionService> {
  return {
    open(endpoint, config, fence) {
      const { category, uid, name } = endpoint;
      checkUid('endpoint.uid', uid);
      checkFence('fence', fence);
      if (category === 'power') throw new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', 'this driver switches no power');
      sim.world.write(() => {
        passLeader(sim.world, fence);
        if (category === 'disk') {
          const read = readPoolConfig(config);
          const poolId = read.poolId === '' ? `sim-pool-${uid}` : read.poolId;
          return sim.world.put('endpoints', 'disk', uid, { uid, name, poolId, config: read });
        }
        const read = readHostConfig(config);
        const hostId = read.hostId === '' ? `sim-host-${uid}` : read.hostId;
        const bootId = hostDoc(sim.world, uid)?.bootId ?? sim.newId(8);
        return sim.world.put('endpoints', 'machine', uid, { uid, name, hostId, bootId, config: read });
      });
      const session = sim.sessions.open(endpoint);
      resume(sim, category, uid);
      return { session };
    },
    close: (session) => sim.sessions.close(session),
    drain: (session) => sim.sessions.drain(session),
  };
}

function gone(what: string): DriverError {
  return new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', `the ${what} of the session is gone: open it again`);
}

/** What is true of simulated hosts. */
export function simHosts(sim: Sim): Immediate<HostService> {
  return {
    observe({ session }) {
      const { uid } = sim.sessions.endpoint(session, 'machine');
      const host = hostDoc(sim.world, uid);
      if (host === undefined) throw gone('host');
      const { cpus, memoryBytes, storageBytes } = host.config;
      const facts = { engine: 'sim', bootDelayMs: String(host.config.bootDelayMs) };
      return { hostId: host.hostId, bootId: host.bootId, cpus, memoryBytes, storageBytes, facts, machines: machinesOn(sim, uid) };
    },
  };
}

/** What is true of simulated pools. */
export function simPools(sim: Sim): Immediate<PoolService> {
  return {
    observe({ session }) {
      const { uid } = sim.sessions.endpoint(session, 'disk');
      const pool = poolDoc(sim.world, uid);
      if (pool === undefined) throw gone('pool');
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
