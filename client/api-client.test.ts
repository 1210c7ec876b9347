import { EventKind, type Event } from '../apis/core/v1/event/kind.ts';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../apis/infra/v1alpha1/zone/schema.ts';
import type { ApiRequest, Transport } from '../apis/meta/request.ts';
import { ADMIN, openBench, REAL_CLOCK, zone, ZONES, type Bench } from '../test/api-bench.ts';
import { createTestLog, soon } from '../test/toy-world.ts';
import { createClient, errorOf } from './api-client.ts';
import type { NewObject, ObjectEvent } from './client.ts';
import { createRecorder } from './recorder.ts';

let bench: Bench;
const signal = new AbortController().signal;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.close();
});

const clientOver = (transport: Transport) => createClient({ transport, caller: ADMIN, userAgent: 'test' });
const made = (name: string): NewObject => zone(name) as NewObject;

describe('a client', () => {
  test('creates, reads, replaces, patches and deletes, and tells the server’s reason when it may not', async () => {
    const client = clientOver(bench.api.handle);
    const first = await client.create<Zone>(ZoneKind, made('a'), signal);
    await expect(client.create(ZoneKind, made('a'), signal)).rejects.toMatchObject({ reason: 'AlreadyExists', code: 409 });
    const labelled = await client.patch<Zone>(ZoneKind, { name: 'a' }, { metadata: { labels: { x: 'y' } } }, signal);
    await expect(client.replace(ZoneKind, { ...first, spec: first.spec }, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    await expect(client.replaceStatus(ZoneKind, first, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    const same = await client.replaceStatus(ZoneKind, labelled, signal);
    expect(same.metadata.resourceVersion).toBe(labelled.metadata.resourceVersion);
    expect(await client.get(ZoneKind, { name: 'a' }, signal)).toEqual(labelled);
    await expect(client.delete(ZoneKind, { name: 'a', uid: 'another' }, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    await client.delete(ZoneKind, { name: 'a', uid: first.metadata.uid }, signal);
    await client.delete(ZoneKind, { name: 'a' }, signal);
    expect(await client.get(ZoneKind, { name: 'a' }, signal)).toBeUndefined();
  });

  test('reads a long list in pages, as of one moment, and begins anew where that moment was forgotten between two pages', async () => {
    for (let index = 0; index < 501; index += 1) await bench.create(ZONES, zone(`z${String(index).padStart(3, '0')}`));
    const asked: ApiRequest[] = [];
    let forget = true;
    const client = clientOver((request, stop) => {
      asked.push(request);
      const next = request.query.find(([name]) => name === 'continue');
      if (next === undefined || !forget) return bench.api.handle(request, stop);
      forget = false;
      return Promise.resolve({ status: 410, headers: {}, body: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } });
    });
    const { items, resourceVersion } = await client.list<Zone>(ZoneKind, {}, signal);
    expect(items).toHaveLength(501);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(501);
    expect(items[0]).toMatchObject({ apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Zone' });
    expect(asked).toHaveLength(4);
    expect(BigInt(resourceVersion)).toBeGreaterThan(0n);
    expect((await client.list(ZoneKind, { fieldSelector: 'metadata.name=z042' }, signal)).items).toHaveLength(1);
  });

  test('watches from a version on, and rejects with Expired where that is gone', async () => {
    const client = clientOver(bench.api.handle);
    const { resourceVersion } = await client.list(ZoneKind, {}, signal);
    const stop = new AbortController();
    const seen: ObjectEvent<Zone>[] = [];
    await bench.create(ZONES, zone('a'));
    await bench.ask('DELETE', `${ZONES}/a`);
    for await (const event of client.watch<Zone>(ZoneKind, { resourceVersion }, stop.signal)) {
      seen.push(event);
      if (seen.length === 2) break;
    }
    stop.abort();
    expect(seen.map((event) => [event.type, event.type === 'BOOKMARK' ? '' : event.object.metadata.name])).toEqual([
      ['ADDED', 'a'],
      ['DELETED', 'a'],
    ]);
    const old = client.watch(ZoneKind, { resourceVersion: '1' }, signal)[Symbol.asyncIterator]();
    await expect(old.next()).rejects.toMatchObject({ code: 410 });
  });

  test('knows what a code means where a proxy answered, and when to come back', () => {
    const table = [401, 403, 404, 410, 429, 500, 502, 503, 504].map((code) => errorOf('<html>no</html>', code).reason);
    expect(table).toEqual([
      'Unauthorized',
      'Forbidden',
      'NotFound',
      'Gone',
      'TooManyRequests',
      'InternalError',
      'ServiceUnavailable',
      'ServiceUnavailable',
      'Timeout',
    ]);
    expect(errorOf('slow down', 429, { 'retry-after': '7' }).details.retryAfterSeconds).toBe(7);
    expect(errorOf({ reason: 'constructor', code: 409 }, 409).code).toBe(409);
  });
});

type Count = readonly [reason: string, count: number];

describe('the recorder', () => {
  const record = async (times: number, between?: () => Promise<unknown>): Promise<readonly Count[]> => {
    const client = clientOver(bench.api.handle);
    const stop = new AbortController();
    const recorder = createRecorder({ client, clock: REAL_CLOCK, log: createTestLog(), component: 'test', instance: 'one' });
    const object = await bench.create(ZONES, zone('a'));
    const running = recorder.run(stop.signal);
    const counts = async (): Promise<readonly Count[]> =>
      (await client.list<Event>(EventKind, { namespace: 'default' }, signal)).items.map(({ reason, count = 0 }) => [reason, count]);
    for (let time = 1; time <= times; time += 1) {
      recorder.record(object, { type: 'Warning', reason: 'Odd', message: 'the same' });
      await soon('it is written', async () => (await counts()).length > 0);
    }
    await between?.();
    recorder.record(object, { type: 'Normal', reason: 'Fine', message: 'another' });
    recorder.record(object, { type: 'Warning', reason: 'Odd', message: 'the same' });
    const all = await soon('both are written', async () => {
      const now = await counts();
      return now.length === 2 && now.some(([reason, count]) => reason === 'Odd' && count === (between ? 1 : times + 1)) && now;
    });
    stop.abort();
    await running;
    return all;
  };

  test('counts what happens again in the same Event, in the namespace default for what has none', async () => {
    expect([...(await record(3))].sort()).toEqual([
      ['Fine', 1],
      ['Odd', 4],
    ]);
  });

  test('writes a new Event where the one that counted is gone', async () => {
    const removeAll = async (): Promise<void> => {
      const client = clientOver(bench.api.handle);
      for (const { metadata } of (await client.list(EventKind, {}, signal)).items)
        await client.delete(EventKind, { namespace: 'default', name: metadata.name }, signal);
    };
    expect([...(await record(1, removeAll))].sort()).toEqual([
      ['Fine', 1],
      ['Odd', 1],
    ]);
  });
});
