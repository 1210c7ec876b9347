import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { NewObject } from '../../client/client.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import { zone } from '../../test/api-bench.ts';
import { eventually, hang } from '../../test/client-bench.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import { FINALIZER, openShardBench, settled, toy, type ShardBench, type Toy } from '../../test/shard-bench.ts';
import type { AnyController } from './controller.ts';

let room: ShardBench;
beforeEach(async () => {
  room = await openShardBench();
});
afterEach(() => room.close());

describe('publishing', () => {
  test('is two writes where the finalizer is missing, the second on top of the first, and both come before any step', async () => {
    const taken: ApiObject[] = [];
    const object = await room.make('z');
    const before = room.bench.writes.length;
    await room.start(
      toy({
        plan: () => (taken.length === 0 ? { finalizer: 'hold', steps: [{ do: 'work' }], reason: 'NoHosts' } : { finalizer: 'hold' }),
        async take(_step, published) {
          expect(await room.get('z')).toEqual(published);
          taken.push(published);
        },
      }),
    );
    await eventually(async () => (await room.reasonOf('z')) === 'AsDeclared', 'settled');
    const [patch, put] = room.bench.writes.slice(before);
    expect(patch).toMatchObject({ method: 'PATCH', path: `/apis/infra.lenticular.dev/v1alpha1/zones/z` });
    expect(JSON.parse(patch?.body ?? '')).toEqual({
      metadata: { resourceVersion: object.metadata.resourceVersion, finalizers: [FINALIZER] },
    });
    expect(put).toMatchObject({ method: 'PUT', path: `/apis/infra.lenticular.dev/v1alpha1/zones/z/status` });
    const sent = JSON.parse(put?.body ?? '') as ApiObject;
    expect(BigInt(sent.metadata.resourceVersion)).toBeGreaterThan(BigInt(object.metadata.resourceVersion));
    expect(taken).toHaveLength(1);
    expect(taken[0]?.metadata.finalizers).toEqual([FINALIZER]);
  });

  test('is sent even when nothing changed where there are steps, and then writes nothing', async () => {
    let rounds = 0;
    await room.make('z');
    const started = await room.start(toy({ plan: () => ((rounds += 1) === 2 ? { steps: [{ do: 'work' }] } : {}) }));
    await settled(started, 1);
    const version = (await room.get('z'))?.metadata.resourceVersion;
    const before = room.bench.writes.length;
    // Its own write is news to it; that round had the steps.
    await eventually(() => rounds >= 3, 'a third round');
    await settled(started, 1);
    const puts = room.bench.writes.slice(before).filter(({ path }) => path.endsWith('/status'));
    expect(puts.length).toBeLessThanOrEqual(1);
    expect((await room.get('z'))?.metadata.resourceVersion).toBe(version);
  });

  test('of a plan that was made from an old version is a Conflict, and no step of it is taken', async () => {
    let changed = false;
    const taken: string[] = [];
    await room.make('z');
    const started = await room.start(
      toy({
        async observe(object) {
          if (changed) return undefined;
          changed = true;
          await room.declare('z');
          return object;
        },
        plan: (object, facts) => ({ steps: facts === undefined ? [] : [{ do: `old of ${String(object.metadata.generation)}` }] }),
        take: (step) => Promise.resolve(void taken.push(step.do)),
      }),
    );
    await settled(started, 1);
    expect(taken).toEqual([]);
    expect(await room.reasonOf('z')).toBe('AsDeclared');
  });

  test('the same again writes nothing, however often it is looked at', async () => {
    await room.make('z');
    const started = await room.start(toy({}));
    await settled(started, 1);
    await room.pause(20);
    const { writes } = room.bench;
    for (let index = 0; index < 20; index += 1) {
      started.shard.hear({ endpointUid: '', uid: '' });
      await room.pause(5);
    }
    expect(started.shard.view().Zone?.done).toBeGreaterThan(10);
    expect(room.bench.writes.filter(({ path }) => !path.includes('/events'))).toHaveLength(
      writes.filter(({ path }) => !path.includes('/events')).length,
    );
  });

  test('says what holds after the steps only once they were taken', async () => {
    const reasons: (string | undefined)[] = [];
    await room.make('z');
    const conditions = [{ type: 'Ready', status: 'True', reason: 'HostsNotReady', message: 'toy' }];
    const started = await room.start(
      toy({
        plan: ({ status }) =>
          JSON.stringify(status).includes('HostsNotReady')
            ? { reason: 'HostsNotReady' }
            : { reason: 'NoHosts', steps: [{ do: 'work' }], afterSteps: { conditions } },
        async take() {
          reasons.push(await room.reasonOf('z'));
          if (reasons.length === 1) throw new DriverError('UNAVAILABLE', 'BACKEND', 'not now');
        },
      }),
    );
    await eventually(async () => (await room.reasonOf('z')) === 'HostsNotReady', 'said');
    await settled(started, 1);
    expect(reasons).toEqual(['NoHosts', 'NoHosts']);
  });

  test('takes the steps again where what holds after them could not be said, because somebody wrote in between', async () => {
    let taken = 0;
    await room.make('z');
    const conditions = [{ type: 'Ready', status: 'True', reason: 'HostsNotReady', message: 'toy' }];
    await room.start(
      toy({
        plan: ({ status }) =>
          JSON.stringify(status).includes('HostsNotReady')
            ? { reason: 'HostsNotReady' }
            : { reason: 'NoHosts', steps: [{ do: 'work' }], afterSteps: { conditions } },
        async take() {
          taken += 1;
          if (taken === 1) await room.declare('z');
        },
      }),
    );
    await eventually(async () => (await room.reasonOf('z')) === 'HostsNotReady', 'said');
    expect(taken).toBe(2);
  });

  test('does not let steps begin on an object that leaves and that never had our finalizer', async () => {
    const taken: string[] = [];
    await room.bench.client.create(
      ZoneKind,
      zone('z', { metadata: { name: 'z', finalizers: ['a.b/other'] } }) as NewObject,
      room.bench.signal,
    );
    await room.bench.client.delete(ZoneKind, { name: 'z' }, room.bench.signal);
    const plan = { finalizer: 'hold' as const, steps: [{ do: 'make' }] };
    await room.start(toy({ plan: () => plan, take: (step) => Promise.resolve(void taken.push(step.do)) }));
    await room.pause(100);
    expect(taken).toEqual([]);
  });
});

describe('releasing', () => {
  test('takes the steps first, and the finalizer away only when all of them succeeded', async () => {
    let fails = true;
    const seen: (readonly string[] | undefined)[] = [];
    await room.bench.client.create(
      ZoneKind,
      zone('z', { metadata: { name: 'z', finalizers: [FINALIZER] } }) as NewObject,
      room.bench.signal,
    );
    await room.bench.client.delete(ZoneKind, { name: 'z' }, room.bench.signal);
    const started = await room.start(
      toy({
        plan: () => ({ finalizer: 'release', steps: [{ do: 'delete' }], reason: 'Deleting' }),
        async take() {
          seen.push((await room.get('z'))?.metadata.finalizers);
          if (fails) throw new DriverError('UNAVAILABLE', 'BACKEND', 'not now');
        },
      }),
    );
    await eventually(() => seen.length > 0, 'a try');
    await room.pause(20);
    expect((await room.get('z'))?.metadata.finalizers).toEqual([FINALIZER]);
    fails = false;
    started.shard.hear({ endpointUid: '', uid: '' });
    await eventually(async () => (await room.get('z')) === undefined, 'gone');
    expect(seen.every((finalizers) => finalizers?.[0] === FINALIZER)).toBe(true);
  });
});

describe('a leader that has lost its shard', () => {
  test('takes no further step, also when no signal has told it yet', async () => {
    const taken: string[] = [];
    let lost = false;
    await room.make('z');
    await room.start(
      toy({
        plan: () => ({ steps: [{ do: 'one' }, { do: 'two' }] }),
        take(step) {
          taken.push(step.do);
          lost = true;
          return Promise.resolve();
        },
      }),
      {
        check() {
          if (lost) throw new ApiError('Conflict', 'lost');
        },
      },
    );
    await room.pause(100);
    expect(taken).toEqual(['one']);
  });

  test('breaks off its calls, begins no round, and has ended when the last call has', async () => {
    const led = new AbortController();
    let rounds = 0;
    let inFlight = 0;
    for (let index = 0; index < 20; index += 1) await room.make(`z-${String(index)}`, { endpoint: `e-${String(index)}` });
    const { ended } = await room.start(
      toy({
        async observe(_object, _round, signal) {
          rounds += 1;
          inFlight += 1;
          await hang(signal).finally(() => (inFlight -= 1));
        },
      }),
      { signal: led.signal },
    );
    await eventually(() => rounds > 0, 'a round');
    led.abort(new Error('lost'));
    await ended;
    expect(inFlight).toBe(0);
    const before = rounds;
    await room.label('z-0', { touched: 'yes' });
    await room.pause(50);
    expect(rounds).toBe(before);
  });
});

describe('an object that changes its shard', () => {
  test('is dropped by the one and taken up by the other, and never decided by both', async () => {
    const by: string[] = [];
    const controllerOf = (name: string): AnyController =>
      toy({ observe: ({ metadata }) => Promise.resolve(by.push(`${name} ${metadata.name}`)) });
    const one = await room.start(controllerOf('one'), { name: 'one' });
    const other = await room.start(controllerOf('other'), { name: 'other' });
    await room.make('z', { shard: 'one' });
    await eventually(() => by.includes('one z'), 'the first');
    await settled(one, 1);
    by.length = 0;
    await room.label('z', { shard: 'other' });
    await eventually(() => by.includes('other z'), 'the second', 1_000);
    await settled(other, 1);
    expect(by).not.toContain('one z');
    expect(one.shard.view().Zone?.parked).toEqual([]);
  });

  test('because another object changed, which it does not hear of, is found within seven minutes', async () => {
    const clock = createManualClock();
    let shard = 'elsewhere';
    const seen: string[] = [];
    await room.make('z');
    const controller = { ...toy({ observe: ({ metadata }) => Promise.resolve(seen.push(metadata.name)) }), shardOf: () => shard };
    await room.start(controller, { clock });
    await clock.advance(400_000);
    expect(seen).toEqual([]);
    shard = 'global';
    await clock.advance(400_000);
    expect(seen.length).toBeGreaterThan(0);
  });
});

test('a planner with a defect fails only its own object, again and again more slowly, and says where', async () => {
  await room.make('bad');
  await room.make('good');
  const started = await room.start(
    toy({
      plan: ({ metadata }) => {
        if (metadata.name === 'bad') throw new TypeError('a defect');
        return {};
      },
    }),
  );
  await eventually(async () => (await room.reasonOf('good')) === 'AsDeclared', 'the good one');
  await eventually(() => started.shard.view().Zone?.parked.some(({ key, why }) => key === '/bad' && why === 'a defect') === true, 'parked');
  expect(started.log.lines).toContainEqual(
    expect.objectContaining({ level: 'error', fields: expect.objectContaining({ object: 'bad' }) as object }),
  );
});

test('a crash between the publication and the step is taken up by the next process, on top of what was published', async () => {
  const first = new AbortController();
  const taken: string[] = [];
  await room.make('z');
  const plan: Toy['plan'] = () =>
    taken.includes('second') ? { finalizer: 'hold' } : { finalizer: 'hold', steps: [{ do: 'work' }], reason: 'NoHosts' };
  await room.start(toy({ plan, take: (_step, _object, _round, signal) => hang(signal) }), { signal: first.signal });
  await eventually(async () => (await room.reasonOf('z')) === 'NoHosts', 'published');
  first.abort(new Error('crash'));
  expect((await room.get('z'))?.metadata.finalizers).toEqual([FINALIZER]);
  await room.start(toy({ plan, take: () => Promise.resolve(void taken.push('second')) }), { epoch: 8 });
  await eventually(async () => (await room.reasonOf('z')) === 'AsDeclared', 'done');
  expect(taken).toEqual(['second']);
});
