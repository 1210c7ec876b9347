import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { nextEvents, openBench, vm, VMS, zone, ZONES, type Bench } from '../../test/api-bench.ts';

let bench: Bench;
let clock: ManualClock;
beforeEach(async () => {
  clock = createManualClock();
  bench = await openBench({ clock });
});
afterEach(async () => {
  await bench.close();
});

const label = (name: string, labels: object | null): ReturnType<Bench['ask']> =>
  bench.ask('PATCH', `${ZONES}/${name}`, { body: { metadata: { labels } } });

async function createZones(...names: readonly string[]): Promise<void> {
  for (const name of names) await bench.create(ZONES, zone(name, { metadata: { name, labels: { name } } }));
}

describe('lists', () => {
  test('pages are of one moment, whatever is written in between', async () => {
    await createZones('a', 'b', 'c', 'd', 'e');
    const first = await bench.ask('GET', ZONES, { query: { limit: '2' } });
    expect(first.body.metadata).toMatchObject({ remainingItemCount: 3 });
    await bench.ask('DELETE', `${ZONES}/c`);
    await createZones('bb', 'f');
    await label('d', { new: 'x' });
    const token = String((first.body.metadata as { continue?: string }).continue);
    const second = await bench.ask('GET', ZONES, { query: { limit: '2', continue: token } });
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    expect([...first.body.items, ...second.body.items].map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'd']);
    expect(second.body.items[1]?.metadata.labels).toEqual({ name: 'd' });
    expect((await bench.ask('GET', VMS, { query: { continue: token } })).status).toBe(400);
  });

  test('a selected page does not say how many remain, because nobody has counted', async () => {
    await createZones('a', 'b', 'c');
    const { body } = await bench.ask('GET', ZONES, { query: { limit: '1', labelSelector: 'name!=a' } });
    expect(body.items.map(({ metadata }) => metadata.name)).toEqual(['b']);
    expect(body.metadata).not.toHaveProperty('remainingItemCount');
    expect(body.metadata).toHaveProperty('continue');
  });

  test('a list of an exact version shows what was then; a future one times out, and one before the history is expired', async () => {
    await createZones('a');
    const then = (await bench.ask('GET', ZONES)).body.metadata.resourceVersion;
    await createZones('b');
    const exact = { resourceVersionMatch: 'Exact', resourceVersion: then };
    expect((await bench.ask('GET', ZONES, { query: exact })).body).toMatchObject({
      metadata: { resourceVersion: then },
      items: [{ metadata: { name: 'a' } }],
    });
    expect(await bench.ask('GET', ZONES, { query: { ...exact, resourceVersion: '1' } })).toMatchObject({
      status: 410,
      body: { reason: 'Expired' },
    });
    const late = bench.ask('GET', ZONES, { query: { resourceVersionMatch: 'NotOlderThan', resourceVersion: '99999999' } });
    await clock.advance(11_000);
    expect(await late).toMatchObject({ status: 504, body: { details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } } });
  });

  test('of one namespace shows no other, also where its name begins the same', async () => {
    for (const name of ['n', 'n-2']) await bench.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await bench.create(VMS.replace('default', 'n'), vm('x'));
    await bench.create(VMS.replace('default', 'n-2'), vm('y'));
    const names = async (path: string): Promise<readonly string[]> =>
      (await bench.ask('GET', path)).body.items.map(({ metadata }) => metadata.name);
    expect(await names(VMS.replace('default', 'n'))).toEqual(['x']);
    expect(await names('/apis/compute.lenticular.dev/v1alpha1/virtualmachines')).toEqual(['y', 'x']);
  });

  test('come as tables and as metadata only where a client asks for it', async () => {
    await createZones('a');
    const table = await bench.ask('GET', ZONES, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' } });
    expect(table.body).toMatchObject({ kind: 'Table', rows: [{ object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } }] });
    expect(table.body).not.toHaveProperty('items');
    const partial = await bench.ask('GET', `${ZONES}/a`, {
      headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
    });
    expect(partial.body).not.toHaveProperty('spec');
  });
});

describe('watches', () => {
  test.each(['/api/v1/events', '/apis/events.k8s.io/v1/events', '/api/v1/namespaces', ZONES])(
    'of %s can be read as tables, bookmarks and all',
    async (path) => {
      const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
      const query = [
        ['watch', 'true'],
        ['sendInitialEvents', 'true'],
        ['resourceVersionMatch', 'NotOlderThan'],
        ['allowWatchBookmarks', 'true'],
      ] as const;
      const answer = await bench.api.handle(
        { method: 'GET', path, query, headers, caller: { name: 'a', groups: ['system:masters'] } },
        bench.signal,
      );
      if (!('events' in answer)) throw new Error('no watch');
      const stop = path.endsWith('namespaces') ? 3 : 1;
      const seen = await nextEvents(answer.events, stop);
      expect(seen.at(-1)).toMatchObject({
        type: 'BOOKMARK',
        object: { kind: 'Table', rows: [{ object: { metadata: { annotations: {} } } }] },
      });
    },
  );

  test('without a version begin with what is there', async () => {
    await createZones('a', 'b');
    const events = await bench.watch(ZONES);
    await label('a', { x: 'y' });
    const seen = await nextEvents(events, 3);
    expect(seen.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['ADDED', 'a'],
      ['ADDED', 'b'],
      ['MODIFIED', 'a'],
    ]);
  });

  test('with initial events say where these end, and go on from there', async () => {
    await createZones('a');
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
    const [added, mark] = await nextEvents(await bench.watch(ZONES, query), 2);
    expect([added?.type, mark?.type]).toEqual(['ADDED', 'BOOKMARK']);
    expect(mark?.object).toMatchObject({ kind: 'Zone', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } });
    await createZones('b');
    const [after] = await nextEvents(await bench.watch(ZONES, { resourceVersion: mark?.object.metadata.resourceVersion ?? '' }), 1);
    expect(after?.object.metadata.name).toBe('b');
  });

  test('see an object come into and go out of a selection', async () => {
    await createZones('a', 'b');
    const { resourceVersion } = (await bench.ask('GET', ZONES)).body.metadata;
    const events = await bench.watch(ZONES, { resourceVersion, labelSelector: 'in=yes' });
    await label('a', { in: 'yes' });
    await label('b', { other: 'x' });
    await label('a', { in: 'yes', more: 'x' });
    const out = await label('a', { in: 'no' });
    const seen = await nextEvents(events, 3);
    expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(seen[2]?.object.metadata).toMatchObject({ resourceVersion: out.body.metadata.resourceVersion, labels: { in: 'yes' } });
  });

  test('get a bookmark every quarter of a minute where they take them, and end at their timeout', async () => {
    const events = await bench.watch(ZONES, { resourceVersion: '0', allowWatchBookmarks: 'true', timeoutSeconds: '40' });
    const ended = nextEvents(events, 10);
    await clock.advance(41_000);
    const seen = await ended;
    expect(seen.map(({ type }) => type)).toEqual(['BOOKMARK', 'BOOKMARK']);
    expect(seen[0]?.object.metadata.resourceVersion).toBe((await bench.ask('GET', ZONES)).body.metadata.resourceVersion);
  });

  test('from before the history get one error, and end', async () => {
    const seen = await nextEvents(await bench.watch(ZONES, { resourceVersion: '1' }), 5);
    expect(seen).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  });

  test('that are read too slowly end with an error when the history has gone on, and those read in time get all of it', async () => {
    const small = await openBench({ history: { changes: 40, size: 1e6 } });
    const { resourceVersion } = (await small.ask('GET', ZONES)).body.metadata;
    const [slow, quick] = [await small.watch(ZONES, { resourceVersion }), await small.watch(ZONES, { resourceVersion })];
    const read = nextEvents(quick, 100);
    for (let at = 0; at < 100; at += 1) await small.create(ZONES, zone(`s${String(at)}`));
    expect(await read).toHaveLength(100);
    expect(await nextEvents(slow, 200)).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    await small.close();
  });

  test('end when their reader goes', async () => {
    const reader = new AbortController();
    const ended = nextEvents(await bench.watch(ZONES, {}, reader.signal), 5);
    reader.abort();
    expect(await ended).toEqual([]);
  });

  test('as tables name the columns once', async () => {
    await createZones('a', 'b');
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const request = {
      method: 'GET',
      path: ZONES,
      query: [['watch', 'true']],
      headers,
      caller: { name: 'a', groups: ['system:masters'] },
    } as const;
    const answer = await bench.api.handle(request, bench.signal);
    if (!('events' in answer)) throw new Error('no watch');
    const seen = await nextEvents(answer.events, 2);
    expect(seen.map(({ object }) => (object as unknown as { columnDefinitions: unknown[] }).columnDefinitions.length > 0)).toEqual([
      true,
      false,
    ]);
  });
});
