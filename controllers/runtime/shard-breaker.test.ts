import type { ApiObject } from '../../apis/meta/object.ts';
import { eventually } from '../../test/client-bench.ts';
import { openShardBench, toy, type ShardBench, type Started } from '../../test/shard-bench.ts';
import { openSimToy, type SimToy } from '../../test/sim-toy.ts';
import type { AnyController, Round } from './controller.ts';
import { ask, looking, serviceOf } from './device.ts';

let room: ShardBench;
let world: SimToy;
beforeEach(async () => {
  room = await openShardBench();
  world = openSimToy();
});
afterEach(async () => {
  await room.close();
  await world.close();
});

/** Rounds that were begun and whether the device answered them, as `name yes` or `name no`. */
let rounds: string[] = [];

async function look(object: ApiObject, round: Round, signal: AbortSignal): Promise<boolean> {
  const answer = await ask(async () => {
    const session = await world.open(object, round, signal);
    return serviceOf(session.driver.machine, 'machines').get(looking(session, round), object.metadata.uid, signal);
  }, signal);
  rounds.push(`${object.metadata.name} ${answer.known ? 'yes' : 'no'}`);
  return answer.known;
}

/** A controller whose objects are as declared while their host answers. */
function watching(): AnyController {
  rounds = [];
  return {
    ...toy({
      observe: look,
      plan: (_object, known) => {
        const status = known === true ? ('True' as const) : ('Unknown' as const);
        const reason = known === true ? 'AsDeclared' : 'HostsNotReady';
        return { status: { conditions: [{ type: 'Ready', status, reason, message: reason }] } };
      },
    }),
    endpointOf: (object) => world.endpointOf(object),
  };
}

/** How many looks at machines are under way at once in the data centre, at most, until one is answered and ever. */
function counting(): { first(): number; most(): number } {
  const { faults } = world.sim;
  const { run } = faults;
  let now = 0;
  let most = 0;
  let first: number | undefined;
  faults.run = async (site, effect, signal) => {
    if (site.call !== 'machine.get') return run(site, effect, signal);
    most = Math.max(most, (now += 1));
    try {
      return await run(site, effect, signal);
    } finally {
      first ??= most;
      now -= 1;
    }
  };
  return { first: () => first ?? 0, most: () => most };
}

const parkedIn = ({ shard }: Started, name: string) => shard.view().Zone?.parked.find(({ key }) => key === `/${name}`);
const callsOf = (name: string): number => rounds.filter((round) => round.startsWith(`${name} `)).length;
const broken = { call: 'machine.get', endpoint: 'uid-of-h1', count: 0, action: { do: 'error' as const, code: 'UNAVAILABLE' as const } };

test('a device that refuses over and over is left alone; its objects say so and why, and those of others do not notice', async () => {
  world.sim.faults.set(broken);
  for (let index = 0; index < 12; index += 1) await room.make(`bad-${String(index)}`, { endpoint: 'h1' });
  for (let index = 0; index < 5; index += 1) await room.make(`good-${String(index)}`, { endpoint: 'h2' });
  const started = await room.start(watching());
  await eventually(() => started.shard.view().Zone?.classes.silent === 12, 'all of the dead host are parked');
  expect(parkedIn(started, 'bad-3')).toMatchObject({
    why: 'Host h1 does not answer: a fault was asked for on machine.get',
    failures: 0,
  });
  expect(parkedIn(started, 'bad-3')?.nextTryMs).toBeGreaterThan(0);
  await eventually(async () => (await room.reasonOf('good-4')) === 'AsDeclared', 'others are served');
  for (let index = 0; index < 12; index += 1) expect(await room.reasonOf(`bad-${String(index)}`)).toBe('HostsNotReady');
  expect(started.shard.devices()).toMatchObject([
    { label: 'Host h1', category: 'machine', state: expect.stringMatching(/open|probing/) as string },
  ]);
});

test('one probe at a time finds out that it answers again, and then all of its objects are looked at', async () => {
  world.sim.faults.set(broken);
  for (let index = 0; index < 20; index += 1) await room.make(`z-${String(index)}`, { endpoint: 'h1' });
  const started = await room.start(watching());
  await eventually(() => started.shard.view().Zone?.classes.silent === 20, 'all are parked');
  world.sim.faults.clear();
  world.sim.faults.set({ call: 'machine.get', count: 0, action: { do: 'delay', ms: 30 } });
  const calls = counting();
  await eventually(() => rounds.some((round) => round.endsWith(' yes')), 'the probe');
  expect(calls.first()).toBe(1);
  for (let index = 0; index < 20; index += 1) {
    await eventually(async () => (await room.reasonOf(`z-${String(index)}`)) === 'AsDeclared', `z-${String(index)}`);
  }
  // Bounded: no more at once than the device takes of one operation.
  expect(calls.most()).toBeLessThanOrEqual(4);
  await eventually(() => started.shard.devices().length === 0, 'nothing is known of a device that answers and is not called');
});

test('news of the device, or of its declaration, makes the next try at once', async () => {
  world.sim.faults.set(broken);
  for (let index = 0; index < 4; index += 1) await room.make(`z-${String(index)}`, { endpoint: 'h1' });
  const started = await room.start(watching());
  await eventually(() => started.shard.view().Zone?.classes.silent === 4, 'all are parked');
  // A few failed probes: the next one is seconds away.
  await eventually(() => (started.shard.devices()[0]?.nextTryMs ?? 0) > 1_500, 'it is left alone for longer', 10_000);
  world.sim.faults.clear();
  started.shard.hear({ endpointUid: 'uid-of-h1', uid: '' });
  await eventually(async () => (await room.reasonOf('z-3')) === 'AsDeclared', 'looked at again', 500);
}, 20_000);

test('a device that answers with a refusal of the call itself is not left alone', async () => {
  world.sim.faults.set({ ...broken, action: { do: 'error', code: 'FAILED_PRECONDITION', reason: 'IN_USE' } });
  for (let index = 0; index < 8; index += 1) await room.make(`z-${String(index)}`, { endpoint: 'h1' });
  const started = await room.start(watching());
  await eventually(() => rounds.length >= 8, 'all were asked');
  expect(started.shard.devices()).toEqual([]);
});

test('a hanging device keeps no worker and no place from others, and no more calls of one operation than it takes are under way', async () => {
  world.sim.faults.set({ call: 'machine.get', endpoint: 'uid-of-h1', count: 0, action: { do: 'hang' } });
  for (let index = 0; index < 30; index += 1) await room.make(`bad-${String(index)}`, { endpoint: 'h1' });
  for (let index = 0; index < 10; index += 1) await room.make(`good-${String(index)}`, { endpoint: 'h2' });
  const started = await room.start(watching());
  for (let index = 0; index < 10; index += 1)
    await eventually(async () => (await room.reasonOf(`good-${String(index)}`)) === 'AsDeclared', 'others', 3_000);
  await eventually(() => started.shard.view().Zone?.inFlightCount === 30, 'the rest waits for its turn');
  expect(started.shard.devices()).toMatchObject([{ label: 'Host h1', inFlight: 4, state: 'closed' }]);
});

test('so many rounds of one device are begun and no more: the others say that they wait', async () => {
  world.sim.faults.set({ call: 'machine.get', endpoint: 'uid-of-h1', count: 0, action: { do: 'hang' } });
  for (let index = 0; index < 100; index += 1) await room.make(`bad-${String(index)}`, { endpoint: 'h1' });
  const started = await room.start(watching());
  // 8 begin, of which 4 call; 64 more stand aside and let others begin.
  await eventually(() => started.shard.view().Zone?.inFlightCount === 72, 'as many as may have begun');
  await room.pause(50);
  expect(started.shard.view().Zone).toMatchObject({ inFlightCount: 72, classes: { busy: 28 } });
  expect(started.shard.view().Zone?.reasons).toEqual([{ why: 'as many calls as Host h1 takes are under way', count: 28 }]);
});

test('an operation that hangs leaves room for others of its device', async () => {
  world.sim.faults.set({ call: 'machine.get', endpoint: 'uid-of-h1', count: 0, action: { do: 'hang' } });
  for (let index = 0; index < 30; index += 1) await room.make(`bad-${String(index)}`, { endpoint: 'h1' });
  await room.make('list', { endpoint: 'h1', lists: 'yes' });
  const listed: number[] = [];
  await room.start({
    ...watching(),
    async observe(object, round, signal) {
      if (object.metadata.labels?.lists === undefined) return look(object, round, signal);
      const session = await world.open(object, round, signal);
      return listed.push((await serviceOf(session.driver.machine, 'machines').list(looking(session, round), signal)).length);
    },
  });
  await eventually(() => listed.length > 0, 'the list', 2_000);
});

test('what waited for a place of an operation gets it when one is free, and nobody is forgotten', async () => {
  world.sim.faults.set({ call: 'machine.get', endpoint: 'uid-of-h1', count: 0, action: { do: 'delay', ms: 20 } });
  for (let index = 0; index < 40; index += 1) await room.make(`z-${String(index)}`, { endpoint: 'h1' });
  await room.start(watching());
  for (let index = 0; index < 40; index += 1)
    await eventually(async () => (await room.reasonOf(`z-${String(index)}`)) === 'AsDeclared', `z-${String(index)}`);
  expect(callsOf('z-0')).toBeGreaterThan(0);
});

test('a round that makes more calls at once than its device takes makes them one after the other', async () => {
  await world.close();
  world = openSimToy({ inFlight: 2, perOperation: 1 });
  const done: string[] = [];
  const controller: AnyController = {
    ...toy({
      async observe(object, round, signal) {
        const session = await world.open(object, round, signal);
        const machines = serviceOf(session.driver.machine, 'machines');
        await Promise.all(['a', 'b', 'c', 'd', 'e'].map((uid) => machines.get(looking(session, round), uid, signal)));
        done.push(object.metadata.name);
      },
    }),
    endpointOf: (object) => world.endpointOf(object),
  };
  for (const name of ['one', 'two', 'three']) await room.make(name, { endpoint: 'h1' });
  await room.start(controller);
  await eventually(() => new Set(done).size === 3, 'all three');
});

test('a step that finds its device silent waits for the device, and says so', async () => {
  const tries: number[] = [];
  world.sim.faults.set(broken);
  await room.make('z', { endpoint: 'h1' });
  const started = await room.start({
    ...toy({
      plan: () => ({ steps: [{ do: 'work' }] }),
      async take(_step, object, round, signal) {
        const session = await world.open(object, round, signal);
        tries.push(performance.now());
        await serviceOf(session.driver.machine, 'machines').get(looking(session, round), object.metadata.uid, signal);
      },
    }),
    endpointOf: (object) => world.endpointOf(object),
  });
  await eventually(() => parkedIn(started, 'z')?.why.startsWith('Host h1 does not answer') === true, 'parked for its device', 10_000);
  expect(parkedIn(started, 'z')).toMatchObject({ failures: expect.any(Number) as number });
  expect(parkedIn(started, 'z')?.failures).toBeGreaterThanOrEqual(3);
}, 20_000);
