import { setTimeout as delay } from 'node:timers/promises';
import { LeaseKind, type Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { EventKind, type Event } from '../../apis/core/v1/event/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { createClient } from '../../client/api-client.ts';
import type { Client } from '../../client/client.ts';
import { ADMIN, openBench, zone, ZONES, type Bench } from '../../test/api-bench.ts';
import {
  createToyWorld,
  failing,
  hang,
  soon,
  startToy,
  type ToyProcess,
  type ToyProcessOptions,
  type ToyWorld,
} from '../../test/toy-world.ts';

let bench: Bench;
let world: ToyWorld;
let client: Client;
let processes: ToyProcess[];
const signal = new AbortController().signal;

beforeEach(async () => {
  bench = await openBench();
  world = createToyWorld();
  client = createClient({ transport: bench.api.handle, caller: ADMIN, userAgent: 'test' });
  processes = [];
});
afterEach(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  await bench.close();
});

function start(identity: string, options: ToyProcessOptions = {}): ToyProcess {
  const started = startToy(bench, world, identity, options);
  processes.push(started);
  return started;
}

const labelled = (name: string, labels: Readonly<Record<string, string>> = {}): object => zone(name, { metadata: { name, labels } });
const read = (name: string): Promise<Zone | undefined> => client.get<Zone>(ZoneKind, { name }, signal);
const readyOf = (found: Zone | undefined) => found?.status.conditions.find(({ type }) => type === 'Ready');
const ready = (name: string): Promise<Zone> =>
  soon(`${name} is Ready`, async () => {
    const found = await read(name);
    return readyOf(found)?.status === 'True' && found;
  });
const lease = (name = 'shard-global'): Promise<Lease | undefined> =>
  client.get<Lease>(LeaseKind, { namespace: 'lenticular-system', name }, signal);
const declare = (name: string, allocation: string): Promise<Zone> =>
  client.patch<Zone>(ZoneKind, { name }, { spec: { allocation } }, signal);

describe('one round', () => {
  test('brings an object to where it should be, and then writes nothing and touches nothing', async () => {
    const controllers = start('one');
    await bench.create(ZONES, labelled('a'));
    const { metadata } = await ready('a');
    expect(metadata.finalizers).toEqual(['test.lenticular.dev/toy']);
    for (let looks = 0; looks < 3; looks += 1) {
      controllers.hint();
      await delay(30);
    }
    expect((await read('a'))?.metadata.resourceVersion).toBe(metadata.resourceVersion);
    expect(world.deeds.map(({ step }) => step)).toEqual(['make']);
    expect(controllers.log.lines).toEqual([]);
  });

  test('publishes what it is about to do before it does it', async () => {
    const published: unknown[] = [];
    world.before.set('a', async (given) => {
      const stored = await read('a');
      published.push([
        stored?.metadata.finalizers,
        readyOf(stored)?.reason,
        stored?.metadata.resourceVersion === given.metadata.resourceVersion,
      ]);
    });
    start('one');
    await bench.create(ZONES, labelled('a'));
    await ready('a');
    expect(published).toEqual([[['test.lenticular.dev/toy'], 'HostsNotReady', true]]);
  });

  test('that decided on an old version of the object dies before it reaches the world', async () => {
    const controllers = start('one');
    await bench.create(ZONES, labelled('a'));
    await ready('a');
    let looks = 0;
    world.looking.set('a', async () => {
      looks += 1;
      if (looks === 1) await declare('a', 'Disabled');
    });
    const decided: (readonly [number, number | undefined])[] = [];
    world.before.set('a', async ({ metadata }) => {
      decided.push([metadata.generation, (await read('a'))?.metadata.generation]);
    });
    await declare('a', 'Cordoned');
    await soon('the newest generation is made', () => [...world.things.values()].some(({ generation }) => generation === 3));
    expect(decided).toEqual([[3, 3]]);
    expect(controllers.log.lines).toEqual([]);
  });

  test('deletes what was made before it lets the object go, and an object that comes back under its name is another one', async () => {
    start('one');
    const first = await bench.create(ZONES, labelled('a'));
    await ready('a');
    await client.delete(ZoneKind, { name: 'a' }, signal);
    const second = await soon('the name is free again', () => bench.create(ZONES, labelled('a')).catch(() => undefined));
    await ready('a');
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    expect([...world.things.keys()]).toEqual([second.metadata.uid]);
  });

  test('created and deleted again and again, in any moment, leaves nothing behind', async () => {
    start('one');
    for (let round = 0; round < 30; round += 1) {
      await soon('it is created', () => bench.create(ZONES, labelled('a')).catch(() => undefined));
      await delay(Math.random() * 20);
      await client.delete(ZoneKind, { name: 'a' }, signal);
    }
    await soon('it is gone', async () => (await read('a')) === undefined);
    expect(world.things.size).toBe(0);
  });

  test('tells of each new reason of Ready and of a failed step as Events, the same again counted in one', async () => {
    let failures = 0;
    world.before.set('a', async (...call) => {
      failures += 1;
      if (failures <= 2) await failing('UNAVAILABLE', 'BACKEND', 'the device is busy')(...call);
    });
    start('one');
    await bench.create(ZONES, labelled('a'));
    await ready('a');
    const seen = await soon('all events', async () => {
      const { items } = await client.list<Event>(EventKind, { fieldSelector: 'involvedObject.name=a' }, signal);
      return items.length === 3 && items.some(({ count }) => count === 2) && items;
    });
    expect(seen.map(({ type, reason, message, count }) => [type, reason, message, count]).sort()).toEqual([
      ['Normal', 'AsDeclared', 'as the world is', 1],
      ['Normal', 'HostsNotReady', 'as the world is', 1],
      ['Warning', 'StepFailed', 'make: the device is busy', 2],
    ]);
  });

  test('knows that a driver refused a step for good, and asks again when the object was changed', async () => {
    world.before.set('a', failing('INVALID_ARGUMENT', 'CONFIG_INVALID', 'there is no such network'));
    start('one');
    await bench.create(ZONES, labelled('a'));
    const stalled = await soon('it is stalled', async () => {
      const found = await read('a');
      return found?.status.conditions.some(({ type, status }) => type === 'Stalled' && status === 'True') === true && found;
    });
    expect(readyOf(stalled)).toMatchObject({ status: 'False', reason: 'NoHosts', message: 'CONFIG_INVALID' });
    world.before.clear();
    await delay(100);
    expect(world.deeds).toEqual([]);
    await declare('a', 'Cordoned');
    await ready('a');
  });
});

describe('devices', () => {
  test('one that hangs holds up its own objects only, and takes so many calls at once and no more', async () => {
    let most = 0;
    world.before.set('*', async (given, ...rest) => {
      if (given.metadata.labels?.endpoint !== 'dead') return;
      most = Math.max(most, world.inFlight.get('dead') ?? 0);
      await hang(given, ...rest);
    });
    start('one');
    for (let index = 0; index < 30; index += 1) await bench.create(ZONES, labelled(`dead-${String(index)}`, { endpoint: 'dead' }));
    await soon('the dead device is full', () => world.inFlight.get('dead') === 8);
    const beganMs = performance.now();
    for (let index = 0; index < 30; index += 1)
      await bench.create(ZONES, labelled(`well-${String(index)}`, { endpoint: `h${String(index % 3)}` }));
    for (let index = 0; index < 30; index += 1) await ready(`well-${String(index)}`);
    console.info(`30 objects beside a hanging device: ${(performance.now() - beganMs).toFixed(0)} ms`);
    expect(most).toBe(8);
    world.before.clear();
  });

  test('what failed over and over is not tried faster because its device makes noise', async () => {
    let tries = 0;
    world.before.set('a', async (...call) => {
      tries += 1;
      await failing('UNAVAILABLE', 'BACKEND', 'no')(...call);
    });
    const controllers = start('one');
    await bench.create(ZONES, labelled('a', { endpoint: 'h1' }));
    const endMs = performance.now() + 2_000;
    while (performance.now() < endMs) {
      controllers.hint({ endpointUid: 'h1' });
      await delay(20);
    }
    expect(tries).toBeGreaterThanOrEqual(2);
    expect(tries).toBeLessThanOrEqual(5);
  });

  test('who never arrives slows down', async () => {
    world.looking.set('a', (given) => {
      world.things.delete(given.metadata.uid); // What was made is gone whenever it is looked for.
      return Promise.resolve();
    });
    start('one');
    await bench.create(ZONES, labelled('a'));
    await delay(2_000);
    expect(world.deeds.length).toBeGreaterThanOrEqual(10);
    expect(world.deeds.length).toBeLessThanOrEqual(15);
  });

  test('a hint about one object, or about a device, makes just what it means worth a look', async () => {
    const looked: string[] = [];
    const controllers = start('one');
    const a = await bench.create(ZONES, labelled('a', { endpoint: 'h1' }));
    await bench.create(ZONES, labelled('b', { endpoint: 'h1' }));
    await bench.create(ZONES, labelled('c', { endpoint: 'h2' }));
    for (const name of ['a', 'b', 'c']) await ready(name);
    await delay(100);
    world.looking.set('*', (given) => Promise.resolve(void looked.push(given.metadata.name)));
    const after = async (hint: Parameters<ToyProcess['hint']>[0]): Promise<readonly string[]> => {
      looked.length = 0;
      controllers.hint(hint);
      await delay(100);
      return [...looked].sort();
    };
    expect(await after({ endpointUid: 'h1', uid: a.metadata.uid })).toEqual(['a']);
    expect(await after({ endpointUid: 'h1' })).toEqual(['a', 'b']);
    expect(await after({})).toEqual(['a', 'b', 'c']);
    expect(await after({ endpointUid: 'nobody', uid: 'nothing' })).toEqual([]);
  });
});

describe('leaders', () => {
  test('what a process published and did not do, because it died, the next one does with a greater epoch', async () => {
    world.before.set('a', hang);
    const first = start('first');
    await bench.create(ZONES, labelled('a'));
    await soon('the first is about to act', () => world.inFlight.get('') === 1);
    first.cut(); // As kill -9: nothing is handed back.
    const epoch = (await lease())?.spec.leaseTransitions ?? 0;
    world.before.set('a', (given, ...rest) => (rest[0].authority.epoch === epoch ? hang(given, ...rest) : Promise.resolve()));
    const beganMs = performance.now();
    start('second');
    await ready('a');
    console.info(`taken over after ${(performance.now() - beganMs).toFixed(0)} ms, lease 1,500 ms`);
    expect(world.deeds).toMatchObject([{ step: 'make', by: 'second' }]);
    expect(world.deeds[0]?.epoch).toBeGreaterThan(epoch);
  });

  test('one that is cut off stops acting before another one begins', async () => {
    const first = start('first');
    await bench.create(ZONES, labelled('a'));
    await ready('a');
    let aborted = 0;
    world.before.set('a', async (...call) => {
      await hang(...call).finally(() => (aborted = performance.now()));
    });
    await declare('a', 'Cordoned');
    await soon('the first is about to act', () => world.inFlight.get('') === 1);
    first.cut();
    let began = 0;
    world.before.set('a', () => Promise.resolve(void (began = performance.now())));
    start('second');
    await soon('the second acts', () => world.deeds.at(-1)?.by === 'second');
    expect(aborted).toBeGreaterThan(0);
    expect(began).toBeGreaterThan(aborted);
    expect(world.deeds.filter(({ by }) => by === 'first')).toHaveLength(1);
  });

  test('one that ends hands its shard over at once', async () => {
    const first = start('first', { leaseMs: 60_000 });
    await bench.create(ZONES, labelled('a'));
    await ready('a');
    await first.stop();
    expect((await lease())?.spec.holderIdentity).toBe('');
    start('second', { leaseMs: 60_000 });
    await declare('a', 'Cordoned');
    await soon('the second acts', () => world.deeds.at(-1)?.by === 'second');
  });

  test('a Lease that is deleted ends a reign, and the next epoch is greater all the same', async () => {
    start('first', { leaseMs: 600 });
    await bench.create(ZONES, labelled('a'));
    await ready('a');
    const epochs: number[] = [(await lease())?.spec.leaseTransitions ?? 0];
    for (let times = 0; times < 3; times += 1) {
      await client.delete(LeaseKind, { namespace: 'lenticular-system', name: 'shard-global' }, signal);
      const last = epochs.at(-1) ?? 0;
      epochs.push(
        await soon('the lease is there again', async () => {
          const epoch = (await lease())?.spec.leaseTransitions ?? 0;
          return epoch > last && epoch;
        }),
      );
    }
    expect(epochs).toEqual([...new Set(epochs)].sort((one, other) => one - other));
    await declare('a', 'Cordoned');
    await soon('it acts', () => world.deeds.length === 2);
    expect(world.deeds[1]?.epoch).toBeGreaterThanOrEqual(epochs.at(-1) ?? 0);
  });

  test.each(['before', 'looking'] as const)(
    'an epoch that a device has seen already is passed, where the lease is still ours (%s)',
    async (when) => {
      let seen = 0;
      world[when].set('a', async (given, round, stop) => {
        seen = seen === 0 ? round.authority.epoch + 1_000 : seen;
        const metadata = { field: 'epoch', epoch: String(seen) };
        if (round.authority.epoch < seen) await failing('FAILED_PRECONDITION', 'STALE_EPOCH', 'older', { metadata })(given, round, stop);
      });
      start('one');
      await bench.create(ZONES, labelled('a'));
      await ready('a');
      expect(world.deeds).toMatchObject([{ epoch: seen + 1 }]);
      expect((await lease())?.spec.leaseTransitions).toBe(seen + 1);
    },
  );

  test('each shard has its leader, and nobody else touches its objects', async () => {
    start('first', { shards: ['z1'] });
    await soon('the first leads', async () => (await lease('shard-z1'))?.spec.holderIdentity === 'first' && (await lease()) !== undefined);
    start('second', { shards: ['z1', 'z2'] });
    await soon('the second leads what is left', async () => (await lease('shard-z2'))?.spec.holderIdentity === 'second');
    await bench.create(ZONES, labelled('in-z1', { shard: 'z1' }));
    await bench.create(ZONES, labelled('in-z2', { shard: 'z2' }));
    await bench.create(ZONES, labelled('in-z3', { shard: 'z3' }));
    await Promise.all([ready('in-z1'), ready('in-z2')]);
    expect(world.deeds.map(({ name, by }) => [name, by]).sort()).toEqual([
      ['in-z1', 'first'],
      ['in-z2', 'second'],
    ]);
  });

  test('an object that has moved to another shard since the view saw it is let alone', async () => {
    const { handle } = bench.api;
    let moved = false;
    // It moves between the look at the view and the read from the API.
    const moving: typeof handle = async (request, stop) => {
      if (request.method === 'GET' && request.path === `${ZONES}/a` && !moved) {
        moved = true;
        await client.patch(ZoneKind, { name: 'a' }, { metadata: { labels: { shard: 'z1' } } }, signal);
      }
      return handle(request, stop);
    };
    const looked: string[] = [];
    world.looking.set('*', (_zone, round) => Promise.resolve(void looked.push(round.authority.shard)));
    processes.push(startToy({ ...bench, api: { ...bench.api, handle: moving } }, world, 'one', { shards: ['z1'] }));
    await bench.create(ZONES, labelled('a'));
    await soon('the other shard looks', () => looked.includes('z1'));
    expect(moved).toBe(true);
    expect(looked).not.toContain('global');
  });

  test('three processes that lose their leases again and again never share an epoch, and the epochs only grow', async () => {
    const owners = new Map<number, Set<string>>();
    const names = ['p1', 'p2', 'p3'];
    for (const name of names) start(name, { leaseMs: 500 });
    await bench.create(ZONES, labelled('a'));
    for (let round = 0; round < 6; round += 1) {
      await declare('a', round % 2 === 0 ? 'Cordoned' : 'Enabled');
      const victim = processes.find(({ identity }) => identity === world.deeds.at(-1)?.by);
      victim?.cut();
      await delay(700);
      victim?.mend();
    }
    await soon('all is made', async () => world.things.get((await ready('a')).metadata.uid)?.generation === 7);
    for (const { epoch, by } of world.deeds) owners.set(epoch, (owners.get(epoch) ?? new Set()).add(by));
    expect([...owners.values()].every((set) => set.size === 1)).toBe(true);
    const epochs = world.deeds.map(({ epoch }) => epoch);
    expect(epochs).toEqual([...epochs].sort((one, other) => one - other));
  });
});
