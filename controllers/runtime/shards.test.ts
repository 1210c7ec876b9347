import { LeaseKind, type Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { createClient } from '../../client/api-client.ts';
import type { Client } from '../../client/client.ts';
import { ADMIN, openBench, zone, ZONES, type Bench } from '../../test/api-bench.ts';
import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { createToyWorld, startToy, type ToyProcess, type ToyWorld } from '../../test/toy-world.ts';

const LEASE_MS = 15_000;
/** Minutes of three processes pass in each test. */
const PATIENCE_MS = 30_000;
const SHARDS = ['z1', 'z2', 'z3', 'z4', 'z5'];

let bench: Bench;
let clock: ManualClock;
let world: ToyWorld;
let client: Client;
let processes: ToyProcess[];
beforeEach(async () => {
  bench = await openBench();
  clock = createManualClock();
  world = createToyWorld();
  client = createClient({ transport: bench.api.handle, caller: ADMIN, userAgent: 'test' });
  processes = [];
});
afterEach(async () => {
  for (const one of processes) one.cut();
  const ended = Promise.all(processes.map((one) => one.stop()));
  await clock.advance(5_000);
  await ended;
  await bench.close();
});

function start(identity: string, api: Bench = bench): ToyProcess {
  const started = startToy(api, world, identity, { leaseMs: LEASE_MS, clock, shards: SHARDS });
  processes.push(started);
  return started;
}

const leases = async (): Promise<readonly Lease[]> =>
  (await client.list<Lease>(LeaseKind, { namespace: 'lenticular-system' }, bench.signal)).items;
const shardLeases = async (): Promise<readonly Lease[]> => (await leases()).filter(({ metadata }) => metadata.name.startsWith('shard-'));

/** How many shards each process leads. */
async function spread(): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { spec } of await shardLeases()) counts[spec.holderIdentity ?? ''] = (counts[spec.holderIdentity ?? ''] ?? 0) + 1;
  return counts;
}

/** How often the leaders changed, over all shards. */
async function transitions(): Promise<number> {
  return (await shardLeases()).reduce((sum, { spec }) => sum + (spec.leaseTransitions ?? 0), 0);
}

async function stop(one: ToyProcess): Promise<void> {
  processes.splice(processes.indexOf(one), 1);
  const ended = one.stop();
  await clock.advance(200);
  await ended;
}

async function pass(seconds: number): Promise<void> {
  for (let half = 0; half < seconds * 2; half += 1) await clock.advance(500);
}

test(
  'shards are spread evenly when processes join, each handed over once, and then nothing moves any more',
  async () => {
    start('p1');
    await pass(2);
    expect(await spread()).toEqual({ p1: 6 });
    const before = await transitions();
    start('p2');
    start('p3');
    await pass(60);
    expect(await spread()).toEqual({ p1: 2, p2: 2, p3: 2 });
    expect((await transitions()) - before).toBe(4);
    await pass(120);
    expect((await transitions()) - before).toBe(4);
  },
  PATIENCE_MS,
);

test(
  'one that leaves, or dies, is made up for by all others',
  async () => {
    for (const name of ['p1', 'p2', 'p3']) start(name);
    await pass(60);
    expect(await spread()).toEqual({ p1: 2, p2: 2, p3: 2 });
    const [, second] = processes;
    if (second === undefined) throw new Error('there is no second process');
    await stop(second);
    await pass(2);
    expect(await spread()).toEqual({ p1: 3, p3: 3 });
    processes.find(({ identity }) => identity === 'p3')?.cut();
    await pass(LEASE_MS / 1000 + 2);
    expect(await spread()).toEqual({ p1: 6 });
  },
  PATIENCE_MS,
);

test(
  'a shard that is handed over is worked on by the next within 300 ms, and by one process at a time',
  async () => {
    start('p1');
    await pass(2);
    await bench.create(ZONES, zone('a', { metadata: { name: 'a', labels: { shard: 'z1' } } }));
    await pass(2);
    const first = world.deeds.at(-1)?.by;
    expect(first).toBe('p1');
    start('p2');
    await pass(30);
    const [own] = processes.filter(({ identity }) => identity === 'p1');
    if (own === undefined) throw new Error('p1 is gone');
    const holder = (await shardLeases()).find(({ metadata }) => metadata.name === 'shard-z1')?.spec.holderIdentity;
    const leader = processes.find(({ identity }) => identity === holder);
    const other = processes.find(({ identity }) => identity !== holder);
    if (leader === undefined || other === undefined) throw new Error('nobody leads z1');
    await stop(leader);
    await client.patch(
      LeaseKind,
      { namespace: 'lenticular-system', name: 'shard-z1' },
      { metadata: { labels: { seen: 'yes' } } },
      bench.signal,
    );
    await clock.advance(100);
    const after = (await shardLeases()).find(({ metadata }) => metadata.name === 'shard-z1')?.spec.holderIdentity;
    expect(after).toBe(other.identity);
  },
  PATIENCE_MS,
);

test(
  'a shard whose Lease cannot be reached does not slow another',
  async () => {
    const { handle } = bench.api;
    const stuck: typeof handle = (request, signal) =>
      request.path.endsWith('/leases/shard-z1')
        ? new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          })
        : handle(request, signal);
    start('p1', { ...bench, api: { ...bench.api, handle: stuck } });
    await pass(1);
    await bench.create(ZONES, zone('a', { metadata: { name: 'a', labels: { shard: 'z2' } } }));
    await clock.advance(100);
    expect(world.deeds).toMatchObject([{ name: 'a', by: 'p1' }]);
    expect(await spread()).toEqual({ p1: 5 });
  },
  PATIENCE_MS,
);

test(
  'a process takes its own Lease away when it ends, and what a dead one left is thrown away later',
  async () => {
    const one = start('p1');
    const other = start('p2');
    await pass(2);
    const members = async (): Promise<readonly string[]> =>
      (await leases()).map(({ metadata }) => metadata.name).filter((name) => name.startsWith('member-'));
    expect(await members()).toEqual(['member-p1', 'member-p2']);
    await stop(other);
    expect(await members()).toEqual(['member-p1']);
    one.cut();
    start('p3');
    await pass(30);
    expect(await members()).toEqual(['member-p1', 'member-p3']);
    await pass((10 * LEASE_MS) / 1000);
    expect(await members()).toEqual(['member-p3']);
  },
  PATIENCE_MS,
);
