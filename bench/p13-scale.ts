import { setTimeout as delay } from 'node:timers/promises';
import { meanResyncMs } from '../controllers/runtime/resync.ts';
import { openConnection, requestBytes } from './connection.ts';
import { machinesPath } from './objects.ts';
import { eventually } from './processes.ts';
import { median } from './statistics.ts';
import { startWhole, type Whole } from './whole.ts';
import { scaled, type OwnWorkload } from './workload.ts';

const HOSTS = 25_000;
const ZONES = 5;
const HOSTS_PER_POD = 100;
const PATIENCE_SECONDS = 1_800;
const LISTS = 5;
const CALM_MS = 360_000;

const INFRA = '/apis/infra.lenticular.dev/v1alpha1';

function infra(kind: string, name: string, spec: object): { readonly path: string; readonly object: object } {
  const object = { apiVersion: 'infra.lenticular.dev/v1alpha1', kind, metadata: { name }, spec };
  return { path: `${INFRA}/${kind.toLowerCase()}s`, object };
}

function machine(index: number): { readonly path: string; readonly object: object } {
  const spec = { cpus: 2, memory: '4Gi', interfaces: [{ name: 'eth0' }], placement: { zone: `zone-${index % ZONES}` } };
  const metadata = { name: `vm-${index}`, namespace: 'default' };
  const object = { apiVersion: 'compute.lenticular.dev/v1alpha1', kind: 'VirtualMachine', metadata, spec };
  return { path: machinesPath('default'), object };
}

async function makeCloud(whole: Whole, hosts: number): Promise<void> {
  const pods = Math.max(ZONES, Math.ceil(hosts / HOSTS_PER_POD));
  await whole.createAll(ZONES, (index) => infra('Zone', `zone-${index}`, {}));
  await whole.createAll(pods, (index) => infra('Pod', `rack-${index}`, { zone: `zone-${index % ZONES}` }));
  const config = { cpus: 16, memory: '64Gi', bootDelayMs: 0, stopDelayMs: 0 };
  await whole.createAll(hosts, (index) => infra('Host', `host-${index}`, { pod: `rack-${index % pods}`, driver: { name: 'sim', config } }));
}

interface Queues {
  readonly items: readonly {
    readonly status: Readonly<Record<'depth' | 'inFlight' | 'settled' | 'parked' | 'done', number>> & { readonly kind: string };
  }[];
}

interface Content {
  /** Objects that are as declared. */
  readonly settled: number;
  /** Objects that are worked on, are to be, or wait. */
  readonly others: number;
  /** Rounds that have ended. */
  readonly done: number;
}

const NOTHING: Content = { settled: 0, others: 0, done: 0 };

/** What the queues hold of each kind, in all shards. */
async function contents(whole: Whole): Promise<(kind: string) => Content> {
  const { items } = (await whole.get('/apis/ops.lenticular.dev/v1alpha1/queues')) as Queues;
  const found = new Map<string, Content>();
  for (const { status } of items) {
    const { settled, others, done } = found.get(status.kind) ?? NOTHING;
    const { depth, inFlight, parked } = status;
    found.set(status.kind, { settled: settled + status.settled, others: others + depth + inFlight + parked, done: done + status.done });
  }
  return (kind) => found.get(kind) ?? NOTHING;
}

/** Resolves when so many objects of each kind have been looked at and found as declared, and nothing else is to be done for these kinds. */
async function synced(whole: Whole, counts: Readonly<Record<string, number>>): Promise<void> {
  await eventually(`all ${Object.keys(counts).join(', ')} are as declared`, PATIENCE_SECONDS, async () => {
    const content = await contents(whole);
    const isSynced = ([kind, count]: readonly [string, number]): boolean => content(kind).settled >= count && content(kind).others === 0;
    if (Object.entries(counts).every(isSynced)) return true;
    // To ask takes time that is measured, too.
    await delay(500);
    return undefined;
  });
}

function syncedAll(whole: Whole, count: number): Promise<void> {
  return synced(whole, { Host: count, VirtualMachine: count, Pod: 1, Zone: ZONES });
}

async function listSeconds(whole: Whole): Promise<number> {
  const target = whole.target();
  const connection = await openConnection(target);
  const times: number[] = [];
  for (let index = 0; index < LISTS; index += 1) {
    const from = performance.now();
    const { status } = await connection.ask(requestBytes(target, 'GET', machinesPath()));
    if (status !== 200) throw new Error(`the list was answered with ${status}`);
    times.push((performance.now() - from) / 1_000);
  }
  connection.close();
  return median(times);
}

/** What all takes, beats and leases included, in as long a time as lies between two looks at an object: each is looked at once in it. */
async function idle(whole: Whole, count: number): Promise<{ readonly percent: number; readonly looks: number; readonly cpuMs: number }> {
  const kinds = ['Host', 'VirtualMachine'];
  const looksOf = (content: (kind: string) => Content): number => kinds.reduce((sum, kind) => sum + content(kind).done, 0);
  // The last of what was made and started is history then, and forgotten. Looks begin after three quarters of that time.
  await delay(CALM_MS);
  const before = looksOf(await contents(whole));
  const { cpuSeconds } = await whole.usage();
  const from = performance.now();
  await delay(meanResyncMs(kinds.length * count));
  const seconds = (await whole.usage()).cpuSeconds - cpuSeconds;
  const looks = looksOf(await contents(whole)) - before;
  return { percent: (100_000 * seconds) / (performance.now() - from), looks, cpuMs: (1_000 * seconds) / looks };
}

async function measure(whole: Whole, count: number): Promise<Readonly<Record<string, number>>> {
  const made = performance.now();
  await makeCloud(whole, count);
  await synced(whole, { Host: count });
  const hosted = performance.now();
  await whole.createAll(count, machine);
  await syncedAll(whole, count);
  const running = performance.now();
  const list = await listSeconds(whole);
  const before = await whole.mutations();
  const from = performance.now();
  await whole.restart();
  await syncedAll(whole, count);
  const restartSeconds = (performance.now() - from) / 1_000;
  const mutations = (await whole.mutations()) - before;
  const { serverRss, driverRss } = await whole.usage();
  const { percent, looks, cpuMs } = await idle(whole, count);
  return {
    ...{ listSeconds: list, restartSeconds, mutations, idlePercent: percent, looks, cpuMsPerLook: cpuMs },
    ...{ hostsSeconds: (hosted - made) / 1_000, machinesSeconds: (running - hosted) / 1_000 },
    ...{ serverGiB: serverRss / 2 ** 30, driverGiB: driverRss / 2 ** 30 },
  };
}

/** P13: a large cloud on one machine: the whole program with the simulated data centre, restarted with kill -9, and left alone. */
export const SCALE: OwnWorkload = {
  id: 'P13',
  title: '25,000 hosts and 25,000 VMs',
  on: 'own',
  rounds: 1,
  targets: [
    { says: 'full VM list <= 0.4 s', figure: 'listSeconds', of: 'absolute', atMost: 0.4 },
    { says: 'kill -9 to all synced <= 60 s', figure: 'restartSeconds', of: 'absolute', atMost: 60 },
    { says: 'no driver mutation meanwhile', figure: 'mutations', of: 'absolute', atMost: 0 },
    { says: 'idle CPU <= 10 % of a core', figure: 'idlePercent', of: 'absolute', atMost: 10 },
  ],
  async run(folder, { scale }) {
    const whole = await startWhole(folder);
    try {
      return await measure(whole, scaled(HOSTS, scale, 100));
    } finally {
      await whole.end();
    }
  },
};
