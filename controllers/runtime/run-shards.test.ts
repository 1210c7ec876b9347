import { LeaseKind, type Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { DeviceHint } from '../../drivers/contract/sessions.ts';
import { SYSTEM_NAMESPACE } from '../../client/installation.ts';
import type { NewObject } from '../../client/client.ts';
import { REAL_CLOCK, zone } from '../../test/api-bench.ts';
import { eventually, hang, keptLog, openClientBench, watchRejections, type ClientBench } from '../../test/client-bench.ts';
import type { AnyController } from './controller.ts';
import { runControllers, type ControllersOptions } from './run.ts';
import { createViews } from './views.ts';

let bench: ClientBench;
let rejections: ReturnType<typeof watchRejections>;
let processes: { readonly stop: AbortController; readonly ended: Promise<void> }[];
beforeEach(async () => {
  bench = await openClientBench();
  rejections = watchRejections();
  processes = [];
});
afterEach(async () => {
  for (const { stop } of processes) stop.abort(new Error('the test has ended'));
  await Promise.all(processes.map(({ ended }) => ended.catch(() => undefined)));
  await bench.close();
  rejections.end();
  expect(rejections.seen).toEqual([]);
});

/** Rounds that were begun, as `identity shard object`. */
let rounds: string[] = [];

function controllerOf(identity: string): AnyController {
  return {
    kind: ZoneKind,
    finalizer: 'infra.lenticular.dev/toy',
    triggers: [],
    shardOf: ({ metadata }) => metadata.labels?.shard ?? metadata.name,
    endpointOf: () => undefined,
    observe: ({ metadata }, { authority }) => Promise.resolve(rounds.push(`${identity} ${authority.shard} ${metadata.name}`)),
    plan: ({ metadata }) => ({
      status: { conditions: [{ type: 'Ready', status: 'True', reason: 'AsDeclared', message: 'toy' }] },
      finalizer: metadata.deletionTimestamp === undefined ? 'hold' : 'release',
      steps: [],
    }),
    take: () => Promise.resolve(),
  };
}

async function* quiet(signal: AbortSignal): AsyncIterable<DeviceHint> {
  yield* [];
  await hang(signal).catch(() => undefined);
}

/** Names of the shards, as the test says them. */
function named(): { readonly shards: ControllersOptions['shards']; say(names: readonly string[]): void } {
  let names: readonly string[] = [];
  let wake = (): void => undefined;
  return {
    say(next) {
      names = next;
      wake();
    },
    async *shards(signal) {
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        yield names;
        await changed;
      }
    },
  };
}

function start(identity: string, options: Pick<ControllersOptions, 'shards'> & Partial<ControllersOptions>) {
  rounds = [];
  const stop = new AbortController();
  const log = keptLog();
  const base = { client: bench.client, clock: REAL_CLOCK, random: () => 0.5, log };
  const views = createViews(bench.client, base, stop.signal);
  const ended = runControllers(
    { ...base, views, identity, controllers: [controllerOf(identity)], hints: quiet, leaseMs: 3_000, ...options },
    stop.signal,
  );
  ended.catch(() => undefined);
  processes.push({ stop, ended });
  return { stop, ended, log };
}

const make = (name: string, labels: Readonly<Record<string, string>> = {}): Promise<unknown> =>
  bench.client.create(ZoneKind, zone(name, { metadata: { name, labels } }) as NewObject, bench.signal);
const holderOf = async (shard: string): Promise<string | undefined> =>
  (await bench.client.get<Lease>(LeaseKind, { namespace: SYSTEM_NAMESPACE, name: `shard-${shard}` }, bench.signal))?.spec.holderIdentity;
const pause = (ms: number): Promise<void> => REAL_CLOCK.sleep(ms, bench.signal);

test('a new shard is led, and its objects are looked at, within a second', async () => {
  const zones = named();
  start('a', zones);
  await eventually(async () => (await holderOf('global')) === 'a', 'global is led');
  await make('z1');
  zones.say(['z1']);
  await eventually(() => rounds.includes('a z1 z1'), 'the first round', 1_000);
  expect(await holderOf('z1')).toBe('a');
});

test('a shard that is gone hands its lease back and is not worked on; one that comes back waits for its own end', async () => {
  const zones = named();
  start('a', zones);
  await make('z1');
  zones.say(['z1']);
  await eventually(() => rounds.includes('a z1 z1'), 'the first round');
  zones.say([]);
  await eventually(async () => (await holderOf('z1')) === '', 'handed back', 1_000);
  rounds.length = 0;
  await bench.client.patch(ZoneKind, { name: 'z1' }, { metadata: { labels: { touched: 'yes' } } }, bench.signal);
  await pause(50);
  expect(rounds).toEqual([]);
  zones.say(['z1']);
  zones.say([]);
  zones.say(['z1']);
  await eventually(() => rounds.includes('a z1 z1'), 'led again', 1_000);
  await pause(100);
  expect(await holderOf('z1')).toBe('a');
});

test('a shard that comes back while its last round still ends is not worked on twice at once', async () => {
  const zones = named();
  let inFlight = 0;
  let most = 0;
  let begun = 0;
  const slow: AnyController = {
    ...controllerOf('a'),
    async observe(_object, _round, signal) {
      begun += 1;
      most = Math.max(most, (inFlight += 1));
      await hang(signal).catch(() => pause(100));
      inFlight -= 1;
    },
  };
  start('a', { ...zones, controllers: [slow] });
  await make('z1');
  zones.say(['z1']);
  await eventually(() => begun === 1, 'the first round');
  zones.say([]);
  await pause(10);
  zones.say(['z1']);
  await eventually(() => begun === 2, 'the second round');
  expect(most).toBe(1);
});

test('an idle system writes nothing but Leases', async () => {
  for (let index = 0; index < 20; index += 1) await make(`z-${String(index)}`, { shard: index % 2 === 0 ? 'global' : 'z1' });
  const zones = named();
  zones.say(['z1']);
  start('a', zones);
  await eventually(() => new Set(rounds).size === 20, 'all were looked at');
  await pause(500);
  const before = bench.writes.length;
  await pause(2_000);
  const idle = bench.writes.slice(before);
  expect(idle.length).toBeGreaterThan(1);
  expect(idle.filter(({ path }) => !path.includes('/leases/'))).toEqual([]);
});

test('every object is worked on in its own shard only, by the one process that leads it', async () => {
  for (let index = 0; index < 20; index += 1) await make(`z-${String(index)}`, { shard: ['global', 'z1', 'z2'][index % 3] ?? '' });
  const zones = { shards: named().shards };
  const all = named();
  all.say(['z1', 'z2']);
  start('a', all);
  const other = named();
  other.say(['z1', 'z2']);
  start('b', { ...zones, shards: other.shards });
  await eventually(() => new Set(rounds.map((round) => round.split(' ')[2])).size === 20, 'all were looked at');
  await pause(100);
  const leaders = new Map<string, string>();
  for (const round of rounds) {
    const [identity = '', shard = '', name = ''] = round.split(' ');
    expect(leaders.get(shard) ?? identity).toBe(identity);
    leaders.set(shard, identity);
    expect(['global', 'z1', 'z2'][Number(name.slice(2)) % 3]).toBe(shard);
  }
});

test('it ends when its signal aborts: leases handed back, nothing asked any more, no rejection', async () => {
  await make('z1');
  const zones = named();
  zones.say(['z1']);
  const { stop, ended } = start('a', zones);
  await eventually(() => rounds.length > 0, 'a round');
  stop.abort(new Error('Ctrl-C'));
  await ended;
  expect(await Promise.all(['global', 'z1'].map(holderOf))).toEqual(['', '']);
  const asked = bench.requests.length;
  await pause(300);
  expect(bench.requests).toHaveLength(asked);
});

test('it ends without a rejection also when it is stopped before the API ever answered', async () => {
  const client = bench.clientOf((_request, signal) => hang(signal));
  const { stop, ended } = start('a', { ...named(), client });
  await pause(20);
  stop.abort(new Error('Ctrl-C'));
  await ended;
});

test('where the hints fail all of it ends with that error, and the leases are handed back', async () => {
  const zones = named();
  let fail = (): void => undefined;
  const { ended } = start('a', {
    ...zones,
    async *hints() {
      yield* [];
      await new Promise<void>((_resolve, reject) => {
        fail = () => {
          reject(new Error('the drivers are gone'));
        };
      });
    },
  });
  await eventually(async () => (await holderOf('global')) === 'a', 'led');
  fail();
  await expect(ended).rejects.toThrow('the drivers are gone');
  expect(await holderOf('global')).toBe('');
});
