import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { Client, NewObject } from '../../client/client.ts';
import { createRecorder } from '../../client/recorder.ts';
import { REAL_CLOCK, zone } from '../../test/api-bench.ts';
import { eventually, hang, keptLog, openClientBench, watchRejections, type ClientBench } from '../../test/client-bench.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import type { AnyController, Round, Trigger } from './controller.ts';
import type { Plan } from './plan.ts';
import { createShard, type Shard } from './shard.ts';
import { createViews } from './views.ts';

const FINALIZER = 'infra.lenticular.dev/toy';

let bench: ClientBench;
let stop: AbortController;
let running: Promise<unknown>[];
let rejections: ReturnType<typeof watchRejections>;
beforeEach(async () => {
  bench = await openClientBench();
  stop = new AbortController();
  running = [];
  rejections = watchRejections();
});
afterEach(async () => {
  stop.abort(new Error('the test has ended'));
  await Promise.all(running);
  await bench.close();
  rejections.end();
  expect(rejections.seen).toEqual([]);
});

type Step = { readonly do: string };
type Toy = Partial<Pick<AnyController, 'observe' | 'take' | 'triggers'>> & {
  readonly plan?: (object: ApiObject, facts: unknown) => Partial<Plan<Step, unknown>> & { readonly reason?: string };
  readonly endpointOf?: (object: ApiObject) => string | undefined;
};

const labelOf = ({ metadata }: ApiObject, name: string): string | undefined => metadata.labels?.[name];

/** A controller of zones whose shard and endpoint are labels, and whose planner is the test's. */
function toy({ plan = () => ({}), observe, take, triggers = [], endpointOf }: Toy): AnyController {
  return {
    kind: ZoneKind,
    finalizer: FINALIZER,
    triggers,
    shardOf: (object) => labelOf(object, 'shard') ?? 'global',
    endpointOf: endpointOf ?? ((object) => labelOf(object, 'endpoint')),
    observe: observe ?? (() => Promise.resolve(undefined)),
    plan(object, facts) {
      const { reason = 'AsDeclared', ...rest } = plan(object, facts);
      const status = { conditions: [{ type: 'Ready', status: 'True' as const, reason, message: 'toy' }] };
      return { status, finalizer: 'none', steps: [], ...rest };
    },
    take: take ?? (() => Promise.resolve()),
  };
}

interface Started {
  readonly shard: Shard;
  readonly log: ReturnType<typeof keptLog>;
  readonly raised: number[];
  readonly ended: Promise<void>;
}

interface Starting {
  readonly name?: string;
  readonly client?: Client;
  readonly check?: () => void;
  readonly signal?: AbortSignal;
  readonly epoch?: number;
  readonly clock?: Clock;
}

async function start(
  controller: AnyController,
  { name = 'global', client = bench.client, check, signal = stop.signal, epoch = 7, clock = REAL_CLOCK }: Starting = {},
): Promise<Started> {
  const log = keptLog();
  const base = { client, clock, random: () => 0.5, log };
  const views = createViews(client, base, stop.signal);
  for (const { kind } of [controller, ...controller.triggers]) await views.of(kind).synced(signal);
  const recorder = createRecorder({ ...base, component: 'toy', instance: name });
  const raised: number[] = [];
  const shard = createShard({
    ...base,
    name,
    views,
    recorder,
    controllers: [controller],
    authority: () => ({ installation: 'i', incarnation: 1, shard: name, epoch: raised.length === 0 ? epoch : Math.max(...raised) + 1 }),
    check: check ?? (() => undefined),
    raise(above) {
      raised.push(above);
      return Promise.resolve();
    },
  });
  const ended = shard.run(signal);
  running.push(
    ended.catch(() => undefined),
    recorder.run(stop.signal),
  );
  return { shard, log, raised, ended };
}

const make = (name: string, labels: Readonly<Record<string, string>> = {}): Promise<ApiObject> =>
  bench.client.create(ZoneKind, zone(name, { metadata: { name, labels } }) as NewObject, bench.signal);
const get = (name: string): Promise<Zone | undefined> => bench.client.get<Zone>(ZoneKind, { name }, bench.signal);
const label = (name: string, labels: Readonly<Record<string, string | null>>): Promise<ApiObject> =>
  bench.client.patch(ZoneKind, { name }, { metadata: { labels } }, bench.signal);
const declare = (name: string, allocation = 'Cordoned'): Promise<ApiObject> =>
  bench.client.patch(ZoneKind, { name }, { spec: { allocation } }, bench.signal);
const reasonOf = async (name: string): Promise<string | undefined> => (await get(name))?.status.conditions[0]?.reason;
const pause = (ms: number): Promise<void> => REAL_CLOCK.sleep(ms, bench.signal);
const settled = ({ shard }: Started, count: number): Promise<void> =>
  eventually(() => shard.view().Zone?.parked.length === count && shard.view().Zone?.depth === 0, `${String(count)} settled`);

describe('publishing', () => {
  test('is two writes where the finalizer is missing, the second on top of the first, and both come before any step', async () => {
    const taken: ApiObject[] = [];
    const object = await make('z');
    const before = bench.writes.length;
    await start(
      toy({
        plan: () => (taken.length === 0 ? { finalizer: 'hold', steps: [{ do: 'work' }], reason: 'NoHosts' } : { finalizer: 'hold' }),
        async take(_step, published) {
          expect(await get('z')).toEqual(published);
          taken.push(published);
        },
      }),
    );
    await eventually(async () => (await reasonOf('z')) === 'AsDeclared', 'settled');
    const [patch, put] = bench.writes.slice(before);
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
    await make('z');
    const started = await start(toy({ plan: () => ((rounds += 1) === 2 ? { steps: [{ do: 'work' }] } : {}) }));
    await settled(started, 1);
    const version = (await get('z'))?.metadata.resourceVersion;
    const before = bench.writes.length;
    // Its own write is news to it; that round had the steps.
    await eventually(() => rounds >= 3, 'a third round');
    await settled(started, 1);
    const puts = bench.writes.slice(before).filter(({ path }) => path.endsWith('/status'));
    expect(puts.length).toBeLessThanOrEqual(1);
    expect((await get('z'))?.metadata.resourceVersion).toBe(version);
  });

  test('of a plan that was made from an old version is a Conflict, and no step of it is taken', async () => {
    let changed = false;
    const taken: string[] = [];
    await make('z');
    const started = await start(
      toy({
        async observe(object) {
          if (changed) return undefined;
          changed = true;
          await declare('z');
          return object;
        },
        plan: (object, facts) => ({ steps: facts === undefined ? [] : [{ do: `old of ${String(object.metadata.generation)}` }] }),
        take: (step) => Promise.resolve(void taken.push(step.do)),
      }),
    );
    await settled(started, 1);
    expect(taken).toEqual([]);
    expect(await reasonOf('z')).toBe('AsDeclared');
  });

  test('the same again writes nothing, however often it is looked at', async () => {
    await make('z');
    const started = await start(toy({}));
    await settled(started, 1);
    await pause(20);
    const { writes } = bench;
    for (let index = 0; index < 20; index += 1) {
      started.shard.hear({ endpointUid: '', uid: '' });
      await pause(5);
    }
    expect(started.shard.view().Zone?.done).toBeGreaterThan(10);
    expect(bench.writes.filter(({ path }) => !path.includes('/events'))).toHaveLength(
      writes.filter(({ path }) => !path.includes('/events')).length,
    );
  });

  test('does not let steps begin on an object that leaves and that never had our finalizer', async () => {
    const taken: string[] = [];
    await bench.client.create(ZoneKind, zone('z', { metadata: { name: 'z', finalizers: ['a.b/other'] } }) as NewObject, bench.signal);
    await bench.client.delete(ZoneKind, { name: 'z' }, bench.signal);
    const plan = { finalizer: 'hold' as const, steps: [{ do: 'make' }] };
    await start(toy({ plan: () => plan, take: (step) => Promise.resolve(void taken.push(step.do)) }));
    await pause(100);
    expect(taken).toEqual([]);
  });
});

describe('releasing', () => {
  test('takes the steps first, and the finalizer away only when all of them succeeded', async () => {
    let fails = true;
    const seen: (readonly string[] | undefined)[] = [];
    await bench.client.create(ZoneKind, zone('z', { metadata: { name: 'z', finalizers: [FINALIZER] } }) as NewObject, bench.signal);
    await bench.client.delete(ZoneKind, { name: 'z' }, bench.signal);
    const started = await start(
      toy({
        plan: () => ({ finalizer: 'release', steps: [{ do: 'delete' }], reason: 'Deleting' }),
        async take() {
          seen.push((await get('z'))?.metadata.finalizers);
          if (fails) throw new DriverError('UNAVAILABLE', 'BACKEND', 'not now');
        },
      }),
    );
    await eventually(() => seen.length > 0, 'a try');
    await pause(20);
    expect((await get('z'))?.metadata.finalizers).toEqual([FINALIZER]);
    fails = false;
    started.shard.hear({ endpointUid: '', uid: '' });
    await eventually(async () => (await get('z')) === undefined, 'gone');
    expect(seen.every((finalizers) => finalizers?.[0] === FINALIZER)).toBe(true);
  });
});

describe('a leader that has lost its shard', () => {
  test('takes no further step, also when no signal has told it yet', async () => {
    const taken: string[] = [];
    let lost = false;
    await make('z');
    await start(
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
    await pause(100);
    expect(taken).toEqual(['one']);
  });

  test('breaks off its calls, begins no round, and has ended when the last call has', async () => {
    const led = new AbortController();
    let rounds = 0;
    let inFlight = 0;
    for (let index = 0; index < 20; index += 1) await make(`z-${String(index)}`, { endpoint: `e-${String(index)}` });
    const { ended } = await start(
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
    await label('z-0', { touched: 'yes' });
    await pause(50);
    expect(rounds).toBe(before);
  });
});

describe('a device that hangs', () => {
  test('keeps neither other devices nor objects without one, though it has more objects than there are workers', async () => {
    const done = new Set<string>();
    for (let index = 0; index < 30; index += 1) await make(`bad-${String(index)}`, { endpoint: 'bad' });
    for (let index = 0; index < 10; index += 1) await make(`good-${String(index)}`, { endpoint: 'good' });
    for (let index = 0; index < 10; index += 1) await make(`none-${String(index)}`);
    let hanging = 0;
    let most = 0;
    const started = await start(
      toy({
        async observe(object, _round, signal) {
          if (labelOf(object, 'endpoint') !== 'bad') return void done.add(object.metadata.name);
          hanging += 1;
          most = Math.max(most, hanging);
          return hang(signal).finally(() => (hanging -= 1));
        },
      }),
    );
    await eventually(() => done.size === 20, 'all others', 3_000);
    await pause(50);
    expect(most).toBeLessThanOrEqual(8);
    const why = started.shard.view().Zone?.parked.find(({ key }) => key.startsWith('/bad-'))?.why;
    expect(why).toBe('as many calls as its device may have are under way');
  });

  test('of which there are many at once, each with objects, does not stop those that answer', async () => {
    for (let device = 0; device < 24; device += 1) await make(`bad-${String(device)}`, { endpoint: `bad-${String(device)}` });
    await make('late', { endpoint: 'good' });
    const done = new Set<string>();
    await start(
      toy({
        observe: (object, _round, signal) =>
          labelOf(object, 'endpoint') === 'good' ? Promise.resolve(done.add(object.metadata.name)) : hang(signal),
      }),
    );
    await eventually(() => done.has('late'), 'the one that answers', 3_000);
  });

  test('and comes back finishes what waited for a place, one after the other, and loses none', async () => {
    const count = 40;
    for (let index = 0; index < count; index += 1) await make(`z-${String(index)}`, { endpoint: 'slow' });
    const done = new Set<string>();
    await start(
      toy({
        async observe(object) {
          await pause(5);
          done.add(object.metadata.name);
        },
      }),
    );
    await pause(10);
    // What goes, or moves away, while it waits for a place must not take the place with it.
    await bench.client.delete(ZoneKind, { name: 'z-20' }, bench.signal);
    await label('z-21', { shard: 'elsewhere' });
    await eventually(() => done.size >= count - 2, 'all', 3_000);
  });
});

describe('a driver’s refusal', () => {
  const refusing = (given: (Round['refused'] | 'none')[], triggers: readonly Trigger[] = []): AnyController =>
    toy({
      triggers,
      observe: (_object, round) => Promise.resolve(given.push(round.refused ?? 'none') && round.refused),
      plan: (_object, facts) => (facts === undefined ? { steps: [{ do: 'create' }] } : { reason: 'NoHosts' }),
      take: () => Promise.reject(new DriverError('INVALID_ARGUMENT', 'CONFIG_INVALID', 'no such bridge')),
    });

  test('for good is a fact for the planner from then on, until the object is declared anew', async () => {
    const given: (Round['refused'] | 'none')[] = [];
    await make('z');
    const started = await start(refusing(given));
    await eventually(() => given.some((one) => one !== 'none'), 'the planner knows');
    expect(given.at(-1)).toEqual({ step: 'create', reason: 'CONFIG_INVALID', message: 'no such bridge' });
    await eventually(async () => (await reasonOf('z')) === 'NoHosts', 'said');
    started.shard.hear({ endpointUid: '', uid: '' });
    await pause(50);
    expect(given.at(-1)).not.toBe('none');
    given.length = 0;
    await declare('z');
    await eventually(() => given.includes('none'), 'a new try');
  });

  test('is forgotten when something that the object depends on is declared anew, not when it only reports', async () => {
    const given: (Round['refused'] | 'none')[] = [];
    await make('z');
    await make('other');
    const keysOf: Trigger['keysOf'] = ({ metadata }) => (metadata.name === 'other' ? [{ name: 'z' }] : []);
    await start({ ...refusing(given, [{ kind: ZoneKind, keysOf }]), shardOf: ({ metadata }) => (metadata.name === 'z' ? 'global' : 'no') });
    await eventually(() => given.some((one) => one !== 'none'), 'the planner knows');
    await pause(50);
    given.length = 0;
    await label('other', { touched: 'yes' });
    await eventually(() => given.length > 0, 'a look');
    expect(given).not.toContain('none');
    await declare('other');
    await eventually(() => given.includes('none'), 'a new try');
  });

  test('that only says not now is tried again and never told to the planner', async () => {
    const given: (Round['refused'] | 'none')[] = [];
    let tries = 0;
    await make('z');
    const started = await start({
      ...refusing(given),
      take: () => ((tries += 1) < 3 ? Promise.reject(new DriverError('UNAVAILABLE', 'BACKEND', 'not now')) : Promise.resolve()),
    });
    await eventually(() => tries > 0, 'a try');
    expect(started.shard.view().Zone?.parked[0]?.failures ?? 1).toBeGreaterThan(0);
    expect(given).not.toContainEqual(expect.objectContaining({ step: 'create' }));
  });
});

describe('a driver that has seen a newer leader', () => {
  const stale = (field: string, epoch: string): DriverError =>
    new DriverError('FAILED_PRECONDITION', 'STALE_EPOCH', 'older', { metadata: { field, epoch, incarnation: '1' } });

  test.each(['observe', 'take'] as const)('and says so when we %s raises the epoch, and the next round has it', async (where) => {
    const epochs: number[] = [];
    await make('z');
    const meet = (round: Round): Promise<void> => {
      epochs.push(round.authority.epoch);
      return round.authority.epoch <= 50 ? Promise.reject(stale('epoch', '50')) : Promise.resolve();
    };
    const { raised } = await start(
      toy({
        plan: () => (epochs.some((epoch) => epoch > 50) ? {} : { steps: [{ do: 'work' }] }),
        ...(where === 'observe' ? { observe: (_object, round) => meet(round) } : { take: (_step, _object, round) => meet(round) }),
      }),
    );
    await eventually(() => epochs.includes(51), 'the next round');
    expect(raised).toEqual([50]);
  });

  test.each(['incarnation', 'generation', 'placementEpoch'])('of the object by %s does not move the shard’s epoch', async (field) => {
    let tries = 0;
    await make('z');
    const { raised } = await start(
      toy({
        plan: () => ({ steps: [{ do: 'work' }] }),
        take: () => ((tries += 1), Promise.reject(stale(field, '50'))),
      }),
    );
    await eventually(() => tries > 0, 'a try');
    await pause(20);
    expect(raised).toEqual([]);
  });
});

describe('an object that changes its shard', () => {
  test('is dropped by the one and taken up by the other, and never decided by both', async () => {
    const by: string[] = [];
    const controllerOf = (name: string): AnyController =>
      toy({ observe: ({ metadata }) => Promise.resolve(by.push(`${name} ${metadata.name}`)) });
    const one = await start(controllerOf('one'), { name: 'one' });
    const other = await start(controllerOf('other'), { name: 'other' });
    await make('z', { shard: 'one' });
    await eventually(() => by.includes('one z'), 'the first');
    await settled(one, 1);
    by.length = 0;
    await label('z', { shard: 'other' });
    await eventually(() => by.includes('other z'), 'the second', 1_000);
    await settled(other, 1);
    expect(by).not.toContain('one z');
    expect(one.shard.view().Zone?.parked).toEqual([]);
  });

  test('because another object changed, which it does not hear of, is found within seven minutes', async () => {
    const clock = createManualClock();
    let shard = 'elsewhere';
    const seen: string[] = [];
    await make('z');
    const controller = { ...toy({ observe: ({ metadata }) => Promise.resolve(seen.push(metadata.name)) }), shardOf: () => shard };
    await start(controller, { clock });
    await clock.advance(400_000);
    expect(seen).toEqual([]);
    shard = 'global';
    await clock.advance(400_000);
    expect(seen.length).toBeGreaterThan(0);
  });
});

test.each([
  ['a day', 86_400_000, 300_000],
  ['nonsense', Number.NaN, 2_000],
  ['half a minute', 30_000, 30_000],
])('a driver that asks to wait for %s is waited for within reason', async (_what, retryAfterMs, mostMs) => {
  await make('z');
  const take = (): Promise<never> => Promise.reject(new DriverError('RESOURCE_EXHAUSTED', 'NO_CAPACITY', 'full', { retryAfterMs }));
  const started = await start(toy({ plan: () => ({ steps: [{ do: 'work' }] }), take }));
  let nextTryMs = Number.NaN;
  await eventually(() => {
    const [parked] = started.shard.view().Zone?.parked ?? [];
    nextTryMs = parked?.nextTryMs ?? Number.NaN;
    return (parked?.failures ?? 0) > 0;
  }, 'a try');
  expect(nextTryMs).toBeGreaterThan(Math.min(600, mostMs / 2));
  expect(nextTryMs).toBeLessThanOrEqual(mostMs);
});

test('a planner with a defect fails only its own object, again and again more slowly, and says where', async () => {
  await make('bad');
  await make('good');
  const started = await start(
    toy({
      plan: ({ metadata }) => {
        if (metadata.name === 'bad') throw new TypeError('a defect');
        return {};
      },
    }),
  );
  await eventually(async () => (await reasonOf('good')) === 'AsDeclared', 'the good one');
  await eventually(() => started.shard.view().Zone?.parked.some(({ key, why }) => key === '/bad' && why === 'a defect') === true, 'parked');
  expect(started.log.lines).toContainEqual(
    expect.objectContaining({ level: 'error', fields: expect.objectContaining({ object: 'bad' }) as object }),
  );
});

test('a crash between the publication and the step is taken up by the next process, on top of what was published', async () => {
  const first = new AbortController();
  const taken: string[] = [];
  await make('z');
  const plan: Toy['plan'] = () =>
    taken.includes('second') ? { finalizer: 'hold' } : { finalizer: 'hold', steps: [{ do: 'work' }], reason: 'NoHosts' };
  await start(toy({ plan, take: (_step, _object, _round, signal) => hang(signal) }), { signal: first.signal });
  await eventually(async () => (await reasonOf('z')) === 'NoHosts', 'published');
  first.abort(new Error('crash'));
  expect((await get('z'))?.metadata.finalizers).toEqual([FINALIZER]);
  await start(toy({ plan, take: () => Promise.resolve(void taken.push('second')) }), { epoch: 8 });
  await eventually(async () => (await reasonOf('z')) === 'AsDeclared', 'done');
  expect(taken).toEqual(['second']);
});
