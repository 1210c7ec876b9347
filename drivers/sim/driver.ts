import { randomBytes } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { CONTRACT_VERSION } from '../contract/driver.ts';
import type { Capability, Driver, IdentityService } from '../contract/driver.ts';
import { createEventHub } from '../contract/event-hub.ts';
import { createKeyedLock } from '../contract/keyed-lock.ts';
import { PROTOCOL } from './attachments.ts';
import { withCalls } from './calls.ts';
import { simConfigSchema } from './config.ts';
import { simDisks } from './disks.ts';
import { simHosts, simPools, simSessions } from './endpoints.ts';
import { createFaults } from './faults.ts';
import type { Faults } from './faults.ts';
import { beat, createHints, silentSessions, watchWorld } from './hints.ts';
import { simMachines } from './machines.ts';
import { simOperations } from './operations.ts';
import { simPower } from './power.ts';
import { createSessionTable } from '../serve/sessions.ts';
import type { Immediate, Sim } from './sim.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

const TOMBSTONE_MS = 7 * 24 * 3_600_000;

/** Everything but bridges: a simulated host has none. */
const CAPABILITIES: readonly Capability[] = [
  'machine.attach-disk',
  'machine.grow-disk',
  'machine.user-data',
  'machine.boot-kernel',
  'machine.boot-disk',
  'machine.interface.user',
  'machine.adopt',
  'host.lease',
  'host.beat',
  'disk.import',
  'disk.clone',
  'disk.adopt',
  `disk-protocol.${PROTOCOL}`,
];

export interface ServeOptions {
  readonly clock: Clock;
  readonly version: string;
  /** A new id of so many random bytes, in hexadecimal; from the machine's own chance where it is not given. */
  readonly newId?: (bytes: number) => string;
  /** Ends the process, for the fault `die`; absent in simulations: the call hangs. */
  readonly die?: () => void;
}

export interface SimOptions extends ServeOptions {
  /** The world's file, or `:memory:`. */
  readonly worldFile: string;
}

const randomId = (bytes: number): string => randomBytes(bytes).toString('hex');

/** A simulated data centre behind the driver contract. */
export interface SimDriver {
  readonly driver: Driver;
  readonly sim: Sim;
  readonly faults: Faults;
  close(): void;
}

function simIdentity(version: string, instance: string): Immediate<IdentityService> {
  return {
    getInfo: () => ({ name: 'sim', version, instance, contractVersions: [CONTRACT_VERSION], categories: ['machine', 'disk', 'power'] }),
    getCapabilities: () => CAPABILITIES,
    getConfigSchema: (category) => simConfigSchema(category),
    probe: () => ({ ready: true }),
  };
}

/** A driver on the world in `worldFile`; several, in several processes, may share one world. Throws where the file cannot be opened. */
export function createSimDriver({ worldFile, ...options }: SimOptions): SimDriver {
  const world = openWorld(worldFile, () => options.clock.now());
  const served = serveWorld(world, options);
  return {
    ...served,
    close() {
      served.close();
      world.close();
    },
  };
}

/** A driver on a world that is open, and stays so when the driver is closed. */
export function serveWorld(world: World, { clock, version, newId = randomId, die = () => undefined }: ServeOptions): SimDriver {
  const ending = new AbortController();
  const sessions = createSessionTable(newId);
  const faults = createFaults(clock, die);
  const hub = createEventHub({ silent: () => silentSessions(world, sessions, faults) });
  const sim: Sim = { world, clock, sessions, newId, changed: createHints(hub, sessions, clock, ending.signal) };
  void beat(hub, clock, ending.signal).catch(() => undefined);
  const before = clock.now() - TOMBSTONE_MS;
  world.write(() => world.run("DELETE FROM tombstones WHERE json_extract(doc, '$.atMs') < ?", before));
  const services = {
    identity: simIdentity(version, newId(8)),
    session: simSessions(sim),
    host: simHosts(sim),
    machine: simMachines(sim),
    pool: simPools(sim),
    disk: simDisks(sim),
    operation: simOperations(sim),
    power: simPower(sim),
  };
  const driver: Driver = {
    ...withCalls(sim, services, faults, createKeyedLock()),
    watch: (signal) => watchWorld(hub, world, clock, AbortSignal.any([signal, ending.signal])),
  };
  return {
    driver,
    sim,
    faults,
    close() {
      ending.abort(new Error('the driver was closed'));
    },
  };
}
