import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { driverConformance } from '../contract/conformance/conformance.ts';
import type { Subject } from '../contract/conformance/subject.ts';
import { dialDriver } from '../dial/dial.ts';
import { realClock } from '../../test/programs/clock.ts';
import { simControl } from './control-client.ts';
import type { SimCommand } from './control-client.ts';
import { createSimDriver } from './driver.ts';
import { readFault } from './faults.ts';
import { plantDisk, plantMachine } from './guests.ts';

const BOOT_MS = 50;

/** What both ways to run it share. */
const facts = {
  clock: realClock,
  endpoint: (category, n) => {
    // A host's power goes by the uid of the host.
    const uid = category === 'power' ? `machine-${n}` : `${category}-${n}`;
    const configs = { machine: { bootDelayMs: BOOT_MS, stopDelayMs: 50 }, disk: { images: 'debian-12:2Gi', copyRate: '4Gi' }, power: {} };
    return { ref: { category, uid, name: uid, address: '' }, config: configs[category] };
  },
  wrongConfigs: [
    { category: 'machine', config: { cpus: 0 }, field: 'cpus' },
    { category: 'machine', config: { memory: 'much' }, field: 'memory' },
    { category: 'machine', config: { colour: 'blue' }, field: 'colour' },
    { category: 'machine', config: { ignoreShutdown: 'yes' }, field: 'ignoreShutdown' },
    { category: 'disk', config: { capacity: {} }, field: 'capacity' },
    { category: 'disk', config: { images: '../escape' }, field: 'images' },
    { category: 'disk', config: { reachableFrom: 7 }, field: 'reachableFrom' },
    { category: 'power', config: { volts: 230 }, field: 'volts' },
  ],
  machine: { cpus: 1, memoryBytes: 2 ** 28 },
  guestListens: true,
  diskBytes: 2 ** 26,
  image: { name: 'debian-12', sizeBytes: 2 ** 31 },
  lease: {
    ref: { category: 'machine', uid: 'leased', name: 'leased', address: '' },
    config: { leaseSeconds: 1, bootDelayMs: BOOT_MS, stopDelayMs: 50 },
    without: { bootDelayMs: BOOT_MS, stopDelayMs: 50 },
    offeredMs: 1000,
  },
} as const satisfies Partial<Subject>;

let planted = 0;

async function startProcess(): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'sim-'));
  const { signal } = new AbortController();
  const stateDir = join(folder, 'state');
  const driver = await dialDriver(
    {
      name: 'sim',
      command: process.execPath,
      args: [join(process.cwd(), 'test/programs/sim.ts')],
      env: {},
      stateDir,
      socketDir: join(folder, 'run'),
      log: () => undefined,
      clock: realClock,
      backoff: { firstMs: 20, lastMs: 200, stableMs: 60_000 },
    },
    signal,
  );
  const control = (command: SimCommand): Promise<unknown> => simControl(stateDir, command, signal);
  return {
    ...facts,
    driver,
    async restart() {
      const before = driver.instance()?.instance;
      await control({ do: 'fault', call: 'machine.list', action: { do: 'die' } });
      const { ref, config } = facts.endpoint('machine', 0);
      const fence = { installation: 'x', shard: 'x', incarnation: 0, epoch: 0, generation: 0, placementEpoch: 0 };
      const { session } = await driver.session.open(ref, config, fence, signal);
      await driver.machine?.list({ session, trace: 'x.1' }, signal).catch(() => undefined);
      for await (const { instance } of driver.connections(signal)) if (instance !== before) return;
    },
    async plantMachine(host) {
      const id = `foreign-${(planted += 1)}`;
      await control({ do: 'plant', what: 'machine', host, id });
      return id;
    },
    async plantDisk(pool) {
      const id = `foreign-${(planted += 1)}`;
      await control({ do: 'plant', what: 'disk', pool, id });
      return id;
    },
    hang: async (endpoint) => {
      await control({ do: 'fault', call: '*', endpoint, count: 0, action: { do: 'hang' } });
    },
    slow: async (endpoint, ms) => {
      await control({ do: 'fault', call: '*', endpoint, count: 0, action: { do: 'delay', ms } });
    },
    heal: async () => {
      await control({ do: 'clear' });
    },
    async stop() {
      await driver.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function startInProcess(): Promise<Subject> {
  const { driver, sim, faults, close } = createSimDriver({ worldFile: ':memory:', clock: realClock, version: '0.1.0' });
  return {
    ...facts,
    driver,
    async plantMachine(host) {
      const id = `foreign-${(planted += 1)}`;
      plantMachine(sim, host, id);
      return id;
    },
    async plantDisk(pool) {
      const id = `foreign-${(planted += 1)}`;
      plantDisk(sim, pool, id, 2 ** 30);
      return id;
    },
    hang: async (endpoint) => faults.set(readFault({ call: '*', endpoint, count: 0, action: { do: 'hang' } })),
    slow: async (endpoint, ms) => faults.set(readFault({ call: '*', endpoint, count: 0, action: { do: 'delay', ms } })),
    heal: async () => faults.clear(),
    stop: async () => close(),
  };
}

const NO_PROCESS = 'it is no process of its own here';

driverConformance('sim, as a process', startProcess);
driverConformance('sim, in this process', startInProcess, {
  skip: {
    'what was made is listed with its tags after the process was killed, and what ran runs on': NO_PROCESS,
    'fences and tombstones outlive the process': NO_PROCESS,
    'sessions of a dead process are SESSION_UNKNOWN in the next': NO_PROCESS,
    'a watch ends with its process, and the next begins with RESYNC': NO_PROCESS,
    'an operation outlives the process': NO_PROCESS,
    'what was seen of leaders outlives the process, and so does what was switched': NO_PROCESS,
    'a lease outlives the process, and stops machines without it': NO_PROCESS,
    'a stop that had begun ends although the process was killed': NO_PROCESS,
  },
});
