import type { ApiRequest, ApiStream } from '../../apis/meta/request.ts';
import type { Client } from '../../client/client.ts';
import { eventually, hang } from '../../test/client-bench.ts';
import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { labelOf, openShardBench, toy, toyEndpoint, type ShardBench } from '../../test/shard-bench.ts';
import type { Resync } from './resync.ts';

const RESYNC_MS = 400_000;

let room: ShardBench;
let clock: ManualClock;
beforeEach(async () => {
  room = await openShardBench();
  clock = createManualClock();
});
afterEach(() => room.close());

const readsOf = (name: string): number =>
  room.bench.requests.filter(({ method, path }) => method === 'GET' && path.endsWith(`/zones/${name}`)).length;

const isWatch = ({ query }: ApiRequest): boolean => query.some(([name, value]) => name === 'watch' && value === 'true');

/** A client whose watches say nothing any more once they are frozen. */
function freezable(): { readonly client: Client; freeze(): void } {
  let frozen = false;
  async function* until({ events }: ApiStream, signal: AbortSignal): ApiStream['events'] {
    for await (const event of events) {
      if (frozen) await hang(signal);
      yield event;
    }
  }
  const client = room.bench.clientOf((request, signal) => {
    if (!isWatch(request)) return undefined;
    return room.bench.api
      .handle(request, signal)
      .then((answer) => ('events' in answer ? { ...answer, events: until(answer, signal) } : answer));
  });
  return { client, freeze: () => void (frozen = true) };
}

describe('a look that nothing asked for', () => {
  test('reads the object once for each leader, and from then on takes it from a view that has come as far', async () => {
    let rounds = 0;
    const controller = toy({ observe: () => Promise.resolve((rounds += 1)) });
    await room.make('z');
    await room.start(controller, { clock });
    await clock.advance(1_000);
    const [before, read] = [rounds, readsOf('z')];
    await clock.advance(RESYNC_MS);
    expect([rounds > before, readsOf('z')]).toEqual([true, read]);
    await room.start(controller, { clock });
    await clock.advance(1_000);
    expect(readsOf('z')).toBe(read + 1);
  });

  test('reads it where the view has not seen our own last write', async () => {
    const { client, freeze } = freezable();
    let reason = 'NoHosts';
    const decided: (string | undefined)[] = [];
    await room.make('z');
    freeze();
    const controller = toy({ plan: (object) => (decided.push(object.metadata.resourceVersion), { reason }) });
    await room.start(controller, { clock, client });
    await clock.advance(1_000);
    reason = 'AsDeclared';
    await clock.advance(RESYNC_MS);
    expect(await room.reasonOf('z')).toBe('AsDeclared');
    // Not one of its decisions was a Conflict.
    const puts = room.bench.writes.filter(({ path }) => path.endsWith('/status'));
    expect(puts).toHaveLength(2);
    expect(new Set(decided).size).toBe(2);
  });

  test('takes no step on what somebody else has changed and the view has not seen: that is a Conflict, and then it reads', async () => {
    const { client, freeze } = freezable();
    let drifted = false;
    const taken: number[] = [];
    await room.make('z');
    const controller = toy({
      plan: () => (drifted ? { steps: [{ do: 'repair' }] } : {}),
      take(_step, { metadata }) {
        drifted = false;
        return Promise.resolve(void taken.push(metadata.generation));
      },
    });
    await room.start(controller, { clock, client });
    await clock.advance(1_000);
    freeze();
    await room.declare('z');
    drifted = true;
    await clock.advance(RESYNC_MS);
    expect(taken).toEqual([2]);
  });
});

test('looks are as rare as all objects that a process leads make them, while it leads them', async () => {
  const counts = new Set<() => number>();
  const led = new AbortController();
  const resync: Resync = {
    meanMs: () => 1_000_000 * [...counts].reduce((sum, count) => sum + count(), 0),
    include(count) {
      counts.add(count);
      return () => void counts.delete(count);
    },
  };
  const seen: string[] = [];
  await room.make('z');
  const { ended } = await room.start(toy({ observe: ({ metadata }) => Promise.resolve(seen.push(metadata.name)) }), {
    clock,
    resync,
    signal: led.signal,
  });
  await clock.advance(1_000);
  const before = seen.length;
  await clock.advance(900_000);
  expect(seen).toHaveLength(before);
  await clock.advance(150_000);
  expect(seen).toHaveLength(before + 1);
  led.abort(new Error('handed over'));
  await ended;
  expect(counts.size).toBe(0);
});

test('what happens to the objects of other shards is no work', async () => {
  await room.make('mine', { shard: 'one' });
  await room.make('other', { shard: 'two' });
  const { shard } = await room.start(toy({}), { name: 'one' });
  await eventually(() => shard.view().Zone?.done === 2, 'its own, and again after its own write');
  for (const step of ['1', '2', '3']) await room.label('other', { shard: 'two', step });
  await room.label('mine', { shard: 'one', step: '1' });
  await eventually(() => (shard.view().Zone?.done ?? 0) > 2, 'its own again');
  expect(shard.view().Zone?.adds).toBeLessThanOrEqual(4);
});

test('rounds that wait for their turn at a driver keep their workers, and no more calls are under way than it keeps up with', async () => {
  const now = { rounds: 0, calls: 0 };
  const most = { rounds: 0, calls: 0 };
  const begin = (what: 'rounds' | 'calls'): void => void (most[what] = Math.max(most[what], (now[what] += 1)));
  const done = new Set<string>();
  for (let index = 0; index < 300; index += 1) await room.make(`z-${String(index)}`, { endpoint: `e-${String(index)}` });
  const controller = toy({
    async observe(object, { authority: { visit } }, signal) {
      const endpoint = { ...toyEndpoint(labelOf(object, 'endpoint') ?? ''), category: 'machine', driver: 'driver toy' };
      const make = async (): Promise<void> => {
        begin('calls');
        await clock.sleep(20, signal);
        now.calls -= 1;
      };
      begin('rounds');
      await visit?.call({ service: endpoint as Parameters<typeof visit.call>[0]['service'], operation: 'look', make }, signal);
      now.rounds -= 1;
      done.add(object.metadata.name);
    },
  });
  await room.start(controller, { clock, settings: { of: () => ({ workers: 200 }), onChange: () => () => undefined } });
  for (let step = 0; step < 100 && done.size < 300; step += 1) await clock.advance(10);
  expect([done.size, most.calls]).toEqual([300, 64]);
  expect(most.rounds).toBeLessThanOrEqual(200);
});
