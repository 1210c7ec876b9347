import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import { eventually, hang } from '../../test/client-bench.ts';
import { labelOf, openShardBench, toy, type ShardBench } from '../../test/shard-bench.ts';
import type { AnyController, Round, Trigger } from './controller.ts';

let room: ShardBench;
beforeEach(async () => {
  room = await openShardBench();
});
afterEach(() => room.close());

describe('a device that hangs', () => {
  test('keeps neither other devices nor objects without one, though it has more objects than there are workers', async () => {
    const done = new Set<string>();
    for (let index = 0; index < 60; index += 1) await room.make(`bad-${String(index)}`, { endpoint: 'bad' });
    for (let index = 0; index < 10; index += 1) await room.make(`good-${String(index)}`, { endpoint: 'good' });
    for (let index = 0; index < 10; index += 1) await room.make(`none-${String(index)}`);
    let hanging = 0;
    let most = 0;
    const started = await room.start(
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
    await room.pause(50);
    expect(most).toBeLessThanOrEqual(8);
    const why = started.shard.view().Zone?.parked.find(({ key }) => key.startsWith('/bad-'))?.why;
    expect(why).toBe('as many calls as Host bad takes are under way');
  });

  test('of which there are many at once, each with objects, does not stop those that answer', async () => {
    for (let device = 0; device < 64; device += 1) await room.make(`bad-${String(device)}`, { endpoint: `bad-${String(device)}` });
    await room.make('late', { endpoint: 'good' });
    const done = new Set<string>();
    await room.start(
      toy({
        observe: (object, _round, signal) =>
          labelOf(object, 'endpoint') === 'good' ? Promise.resolve(done.add(object.metadata.name)) : hang(signal),
      }),
    );
    await eventually(() => done.has('late'), 'the one that answers', 3_000);
  });

  test('and comes back finishes what waited for a place, one after the other, and loses none', async () => {
    const count = 40;
    for (let index = 0; index < count; index += 1) await room.make(`z-${String(index)}`, { endpoint: 'slow' });
    const done = new Set<string>();
    await room.start(
      toy({
        async observe(object) {
          await room.pause(5);
          done.add(object.metadata.name);
        },
      }),
    );
    await room.pause(10);
    // What goes, or moves away, while it waits for a place must not take the place with it.
    await room.bench.client.delete(ZoneKind, { name: 'z-20' }, room.bench.signal);
    await room.label('z-21', { shard: 'elsewhere' });
    await eventually(() => done.size >= count - 2, 'all', 3_000);
  });
});

describe('a step that fails and is tried again', () => {
  test('says why on the object, and no more once it has worked', async () => {
    let tries = 0;
    const plan = (message: string, steps: readonly { readonly do: string }[], status: 'True' | 'False') => ({
      steps,
      status: { conditions: [{ type: 'Ready', status, reason: status === 'True' ? 'AsDeclared' : 'NoHosts', message }] },
    });
    await room.make('z');
    await room.start(
      toy({
        observe: () => Promise.resolve(tries),
        plan: (_object, facts) => (facts === 3 ? plan('made', [], 'True') : plan('making it', [{ do: 'create' }], 'False')),
        take: () => {
          tries += 1;
          return tries < 3
            ? Promise.reject(new DriverError('NOT_FOUND', 'IMAGE_NOT_FOUND', 'there is no image debina'))
            : Promise.resolve();
        },
      }),
    );
    const seen = new Set<string>();
    await eventually(async () => seen.add((await room.messageOf('z')) ?? '').has('made'), 'made', 10_000);
    expect([...seen]).toContain('making it; the last try failed: there is no image debina');
  }, 20_000);
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
    await room.make('z');
    const started = await room.start(refusing(given));
    await eventually(() => given.some((one) => one !== 'none'), 'the planner knows');
    expect(given.at(-1)).toEqual({ step: 'create', reason: 'CONFIG_INVALID', message: 'no such bridge' });
    await eventually(async () => (await room.reasonOf('z')) === 'NoHosts', 'said');
    started.shard.hear({ endpointUid: '', uid: '' });
    await room.pause(50);
    expect(given.at(-1)).not.toBe('none');
    given.length = 0;
    await room.declare('z');
    await eventually(() => given.includes('none'), 'a new try');
  });

  test('is forgotten when something that the object depends on is declared anew, not when it only reports', async () => {
    const given: (Round['refused'] | 'none')[] = [];
    await room.make('z');
    await room.make('other');
    const keysOf: Trigger['keysOf'] = ({ metadata }) => (metadata.name === 'other' ? [{ name: 'z' }] : []);
    await room.start({
      ...refusing(given, [{ kind: ZoneKind, keysOf }]),
      shardOf: ({ metadata }) => (metadata.name === 'z' ? 'global' : 'no'),
    });
    await eventually(() => given.some((one) => one !== 'none'), 'the planner knows');
    await room.pause(50);
    given.length = 0;
    await room.label('other', { touched: 'yes' });
    await eventually(() => given.length > 0, 'a look');
    expect(given).not.toContain('none');
    await room.declare('other');
    await eventually(() => given.includes('none'), 'a new try');
  });

  test('that only says not now is tried again and never told to the planner', async () => {
    const given: (Round['refused'] | 'none')[] = [];
    let tries = 0;
    await room.make('z');
    const started = await room.start({
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
    await room.make('z');
    const meet = (round: Round): Promise<void> => {
      epochs.push(round.authority.epoch);
      return round.authority.epoch <= 50 ? Promise.reject(stale('epoch', '50')) : Promise.resolve();
    };
    const { raised } = await room.start(
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
    await room.make('z');
    const { raised } = await room.start(
      toy({
        plan: () => ({ steps: [{ do: 'work' }] }),
        take: () => ((tries += 1), Promise.reject(stale(field, '50'))),
      }),
    );
    await eventually(() => tries > 0, 'a try');
    await room.pause(20);
    expect(raised).toEqual([]);
  });
});

test.each([
  ['a day', 86_400_000, 300_000],
  ['nonsense', Number.NaN, 2_000],
  ['half a minute', 30_000, 30_000],
])('a driver that asks to wait for %s is waited for within reason', async (_what, retryAfterMs, mostMs) => {
  await room.make('z');
  const take = (): Promise<never> => Promise.reject(new DriverError('RESOURCE_EXHAUSTED', 'NO_CAPACITY', 'full', { retryAfterMs }));
  const started = await room.start(toy({ plan: () => ({ steps: [{ do: 'work' }] }), take }));
  let nextTryMs = Number.NaN;
  await eventually(() => {
    const [parked] = started.shard.view().Zone?.parked ?? [];
    nextTryMs = parked?.nextTryMs ?? Number.NaN;
    return (parked?.failures ?? 0) > 0;
  }, 'a try');
  expect(nextTryMs).toBeGreaterThan(Math.min(600, mostMs / 2));
  expect(nextTryMs).toBeLessThanOrEqual(mostMs);
});
