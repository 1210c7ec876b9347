import { setTimeout as delay } from 'node:timers/promises';
import { EventKind } from '../apis/core/v1/event/kind.ts';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../apis/infra/v1alpha1/zone/schema.ts';
import { ApiError, statusOf } from '../apis/meta/api-error.ts';
import type { ApiRequest, Transport, WatchEvent } from '../apis/meta/request.ts';
import { ADMIN, openBench, REAL_CLOCK, zone, ZONES, type Bench } from '../test/api-bench.ts';
import { createManualClock } from '../test/manual-clock.ts';
import { createTestLog, cuttable, soon } from '../test/toy-world.ts';
import { createClient } from './api-client.ts';
import { reflect } from './reflector.ts';
import type { View } from './view.ts';

let bench: Bench;
let ending: AbortController;
beforeEach(async () => {
  bench = await openBench();
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort(new Error('the test is over'));
  await bench.close();
});

const isWatch = ({ query }: ApiRequest): boolean => query.some(([name, value]) => name === 'watch' && value === 'true');

function viewOver(transport: Transport): { readonly view: View<Zone>; readonly changes: string[]; readonly asked: ApiRequest[] } {
  const asked: ApiRequest[] = [];
  const spied: Transport = (request, signal) => {
    asked.push(request);
    return transport(request, signal);
  };
  const client = createClient({ transport: spied, caller: ADMIN, userAgent: 'test' });
  const view = reflect<Zone>(client, ZoneKind, { clock: REAL_CLOCK, random: Math.random, log: createTestLog() }, ending.signal);
  const changes: string[] = [];
  view.onChange(({ old, object }) => {
    const name = (object ?? old)?.metadata.name ?? '';
    changes.push(`${old === undefined ? '+' : object === undefined ? '-' : '~'}${name}`);
  });
  return { view, changes, asked };
}

const patch = (name: string, labels: object): Promise<unknown> =>
  bench.ask('PATCH', `${ZONES}/${name}`, { body: { metadata: { labels } } });

describe('a view', () => {
  test('has what is there, and hears of each change once, in order', async () => {
    await bench.create(ZONES, zone('a'));
    const { view, changes } = viewOver(bench.api.handle);
    await view.synced(ending.signal);
    expect(view.list().map(({ metadata }) => metadata.name)).toEqual(['a']);
    await bench.create(ZONES, zone('b'));
    await patch('b', { x: 'y' });
    await bench.ask('DELETE', `${ZONES}/a`);
    const last = await bench.create(ZONES, zone('c'));
    await view.reached(last.metadata.resourceVersion, ending.signal);
    expect(changes).toEqual(['+a', '+b', '~b', '-a', '+c']);
    expect(view.get({ name: 'a' })).toBeUndefined();
    expect(view.get({ name: 'b' })?.metadata.labels).toEqual({ x: 'y' });
  });

  test('waits for a version, and gives up after ten seconds', async () => {
    const clock = createManualClock();
    const client = createClient({ transport: bench.api.handle, caller: ADMIN, userAgent: 'test' });
    const view = reflect<Zone>(client, ZoneKind, { clock, random: Math.random, log: createTestLog() }, ending.signal);
    await view.synced(ending.signal);
    const late = expect(view.reached('99999999999', ending.signal)).rejects.toMatchObject({ reason: 'Timeout' });
    await clock.advance(10_001);
    await late;
  });

  test('that lost its connection goes on from where it was and misses nothing', async () => {
    const cable = cuttable(bench.api.handle);
    const { view, changes, asked } = viewOver(cable.transport);
    await view.synced(ending.signal);
    for (let round = 0; round < 3; round += 1) {
      cable.cut();
      await bench.create(ZONES, zone(`z${String(round)}`));
      await delay(50);
      cable.mend();
      await soon('it is seen', () => view.get({ name: `z${String(round)}` }));
    }
    expect(changes).toEqual(['+z0', '+z1', '+z2']);
    expect(asked.filter((request) => !isWatch(request))).toHaveLength(1);
  });

  test('whose version is too old lists again, and tells the differences only; what came back under its name was gone first', async () => {
    for (const name of ['same', 'changed', 'gone', 'reborn']) await bench.create(ZONES, zone(name));
    let tooOld = false;
    const cable = cuttable((request, signal) => {
      const expired: WatchEvent = { type: 'ERROR', object: statusOf(new ApiError('Expired', 'too old resource version')) };
      if (!tooOld || !isWatch(request)) return bench.api.handle(request, signal);
      tooOld = false;
      return Promise.resolve({
        status: 200,
        headers: {},
        events: (async function* () {
          yield expired;
        })(),
      });
    });
    const { view, changes, asked } = viewOver(cable.transport);
    await view.synced(ending.signal);
    changes.length = 0;
    cable.cut();
    await patch('changed', { x: 'y' });
    for (const name of ['gone', 'reborn']) await bench.ask('DELETE', `${ZONES}/${name}`);
    await bench.create(ZONES, zone('reborn'));
    const last = await bench.create(ZONES, zone('new'));
    tooOld = true;
    cable.mend();
    await view.reached(last.metadata.resourceVersion, ending.signal);
    expect([...changes].sort()).toEqual(['+new', '+reborn', '-gone', '-reborn', '~changed'].sort());
    expect(changes.indexOf('-reborn')).toBeLessThan(changes.indexOf('+reborn'));
    expect(asked.filter((request) => !isWatch(request))).toHaveLength(2);
  });

  test('hears nothing twice from a server that repeats itself or goes back', async () => {
    const first = await bench.create(ZONES, zone('a'));
    const { view, changes } = viewOver(async (request, signal) => {
      const answer = await bench.api.handle(request, signal);
      if (!('events' in answer)) return answer;
      const events = (async function* () {
        yield { type: 'ADDED' as const, object: first };
        for await (const event of answer.events) yield* [event, event];
      })();
      return { ...answer, events };
    });
    await view.synced(ending.signal);
    const last = await bench.create(ZONES, zone('b'));
    await view.reached(last.metadata.resourceVersion, ending.signal);
    await delay(20);
    expect(changes).toEqual(['+a', '+b']);
  });

  test('of a server that ends every watch at once asks ever more rarely, and never stops asking', async () => {
    const clock = createManualClock();
    let watches = 0;
    const transport: Transport = (request, signal) => {
      if (!isWatch(request)) return bench.api.handle(request, signal);
      watches += 1;
      return Promise.resolve({ status: 200, headers: {}, events: (async function* () {})() });
    };
    const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
    reflect(client, EventKind, { clock, random: () => 1, log: createTestLog() }, ending.signal);
    await soon('it watches', () => watches > 0);
    for (let seconds = 0; seconds < 600; seconds += 1) await clock.advance(1_000);
    expect(watches).toBeGreaterThan(20);
    expect(watches).toBeLessThan(40);
  });
});
