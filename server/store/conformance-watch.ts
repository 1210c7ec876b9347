import type { Store, StoredObject, StoreEvent, StoreWrite } from './store.ts';
import { versionOf } from './watch-hub.ts';

const signal = AbortSignal.timeout(600_000);

/** Watches until `count` events have come, and ends the watch; rejects as the watch does. */
export async function takeUntil(
  store: Store,
  prefix: string,
  after: bigint,
  count: number,
  outer: AbortSignal,
): Promise<readonly (readonly StoreEvent[])[]> {
  const controller = new AbortController();
  const revisions: (readonly StoreEvent[])[] = [];
  let taken = 0;
  if (count === 0) return revisions;
  for await (const events of store.watch(prefix, after, AbortSignal.any([outer, controller.signal]))) {
    revisions.push(events);
    taken += events.length;
    if (taken >= count) controller.abort();
  }
  return revisions;
}

async function write(store: Store, wanted: StoreWrite): Promise<bigint> {
  const outcome = await store.write(wanted, signal);
  if (!outcome.ok) throw new Error(`${wanted.do} ${wanted.key} was refused`);
  return outcome.resourceVersion;
}

/** Some history with creates, replaces and removes in shared batches; gives its events in order. */
async function makeHistory(store: Store, rounds: number): Promise<readonly StoreEvent[]> {
  const events: StoreEvent[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const value = String(round);
    await Promise.all(
      ['/h/a', '/h/b', '/other/c', '/h/d'].map(async (name) => {
        const key = `${name}${value}`;
        const created = await write(store, { do: 'create', key, value });
        events.push({ type: 'put', object: { key, value, resourceVersion: created } });
        const replaced = await write(store, { do: 'replace', key, value: `${value}+`, resourceVersion: created });
        events.push({ type: 'put', object: { key, value: `${value}+`, resourceVersion: replaced } });
        if (round % 2 === 0)
          events.push({ type: 'remove', key, resourceVersion: await write(store, { do: 'remove', key, resourceVersion: replaced }) });
      }),
    );
  }
  return events.toSorted((a, b) => (versionOf(a) < versionOf(b) ? -1 : 1));
}

async function nextOf(iterator: AsyncIterator<readonly StoreEvent[]>): Promise<readonly StoreEvent[] | 'end'> {
  const next = await iterator.next();
  return next.done === true ? 'end' : next.value;
}

function keyOf(event: StoreEvent): string {
  return event.type === 'put' ? event.object.key : event.key;
}

function byKey(objects: Iterable<StoredObject>): readonly StoredObject[] {
  return [...objects].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** Fails the test unless what the store recalls is what these events had made of these objects, and a watch from there tells the rest. */
async function expectRecalled(store: Store, before: readonly StoredObject[], events: readonly StoreEvent[]): Promise<void> {
  for (const changes of [0, 1, 5, 17, 1000]) {
    const pages = await Array.fromAsync(store.recall(changes, signal));
    const resourceVersion = pages[0]?.resourceVersion ?? 0n;
    expect(new Set(pages.map((page) => page.resourceVersion))).toEqual(new Set([resourceVersion]));
    const objects = pages.flatMap((page) => page.objects);
    const then = new Map(before.map((object) => [object.key, object]));
    for (const event of events.filter((each) => versionOf(each) <= resourceVersion)) {
      if (event.type === 'put') then.set(event.object.key, event.object);
      else then.delete(event.key);
    }
    expect(byKey(objects)).toEqual(byKey(then.values()));
    const later = events.filter((event) => versionOf(event) > resourceVersion);
    if (changes === 0) expect(later).toEqual([]);
    if (changes === 1000) expect(later.length).toBeGreaterThan(0);
    expect((await takeUntil(store, '', resourceVersion, later.length, signal)).flat()).toEqual(later);
  }
}

/** Declares the tests of Store.recall. */
export function describeRecall(store: () => Store, reopen: () => Promise<Store>): void {
  test('the objects of a while ago are recalled as they were, however often history was forgotten since', async () => {
    let open = store();
    const cold = await Promise.all(['a', 'b', 'c', 'd'].map((name) => write(open, { do: 'create', key: `/cold/${name}`, value: name })));
    const [a = 0n, b = 0n, c = 0n] = cold;
    const made = (await open.list('', signal)).objects.map((object): StoreEvent => ({ type: 'put', object }));
    await expectRecalled(open, [], [...made, ...(await makeHistory(open, 3))]);
    const { objects } = await open.list('', signal);
    await open.compact(await open.revision(signal), signal);

    const events: StoreEvent[] = [];
    const replace = async (key: string, resourceVersion: bigint): Promise<bigint> => {
      const value = `${key} after ${String(resourceVersion)}`;
      const version = await write(open, { do: 'replace', key, value, resourceVersion });
      events.push({ type: 'put', object: { key, value, resourceVersion: version } });
      return version;
    };
    // One that history had forgotten is replaced, one is replaced twice and goes, one goes at once.
    const middle = await replace('/cold/a', a);
    const twice = await replace('/cold/b', await replace('/cold/b', b));
    for (const [key, resourceVersion] of [['/cold/b', twice] as const, ['/cold/c', c] as const]) {
      events.push({ type: 'remove', key, resourceVersion: await write(open, { do: 'remove', key, resourceVersion }) });
    }
    await expectRecalled(open, objects, events);

    // The middle of it is forgotten as well: a's new value is what history begins with now.
    const kept = await open.list('', signal);
    await open.compact(kept.resourceVersion, signal);
    events.length = 0;
    await replace('/cold/a', await replace('/cold/a', middle));
    await expectRecalled(open, kept.objects, events);
    open = await reopen();
    await expectRecalled(open, kept.objects, events);
    await open.compact(kept.resourceVersion, signal);
    await expectRecalled(open, kept.objects, events);
  }, 30_000);
}

/** Declares the tests of Store.watch and Store.compact. */
export function describeStoreWatches(store: () => Store): void {
  test('a watch resumed after any version tells exactly what came later, no revision in two pieces', async () => {
    const start = await store().revision(signal);
    const all = await makeHistory(store(), 4);
    const ends = [start, ...all.map(versionOf)];
    expect(new Set(ends).size).toBe(ends.length);
    await Promise.all(
      ends.map(async (after) => {
        const later = all.filter((event) => versionOf(event) > after);
        const revisions = await takeUntil(store(), '', after, later.length, signal);
        expect(revisions.flat()).toEqual(later);
        const numbers = revisions.map((events) => new Set(events.map((event) => versionOf(event) / 64n)));
        expect(numbers.every((set) => set.size === 1)).toBe(true);
        expect(new Set(numbers.flatMap((set) => [...set])).size).toBe(revisions.length);
      }),
    );
    const wanted = all.filter((event) => keyOf(event).startsWith('/h/'));
    expect((await takeUntil(store(), '/h/', start, wanted.length, signal)).flat()).toEqual(wanted);
  }, 30_000);

  test('a watch after a list tells every later write and none of the earlier ones', async () => {
    await makeHistory(store(), 1);
    const { resourceVersion } = await store().list('', signal);
    const taken = takeUntil(store(), '', resourceVersion, 2, signal);
    const created = await write(store(), { do: 'create', key: '/later', value: 'x' });
    const removed = await write(store(), { do: 'remove', key: '/later', resourceVersion: created });
    expect(await taken).toEqual([
      [{ type: 'put', object: { key: '/later', value: 'x', resourceVersion: created } }],
      [{ type: 'remove', key: '/later', resourceVersion: removed }],
    ]);
  });

  test('a watch that is not read for long still tells everything, in order', async () => {
    const start = await store().revision(signal);
    const iterator = store().watch('/w/', start, signal)[Symbol.asyncIterator]();
    const first = nextOf(iterator);
    const value = 'v'.repeat(15_000);
    const keys = Array.from({ length: 400 }, (_, at) => `/w/${String(at)}`);
    const versions = await Promise.all(keys.map((key) => write(store(), { do: 'create', key, value })));
    const seen: bigint[] = [];
    for (let events = await first; events !== 'end'; events = await nextOf(iterator)) {
      seen.push(...events.map(versionOf));
      if (seen.length >= keys.length) break;
    }
    expect(seen).toEqual(versions.toSorted((a, b) => (a < b ? -1 : 1)));
    await iterator.return?.();
    // The same backlog again, for a watch that comes late.
    const late = await takeUntil(store(), '/w/', start, keys.length, signal);
    expect(late.flat().map(versionOf)).toEqual(seen);
    expect(new Set(seen.map((version) => version / 64n)).size).toBe(late.length);
  });

  test('a watch ends quietly when its signal aborts, and when the store closes', async () => {
    const start = await store().revision(signal);
    const controller = new AbortController();
    const aborted = nextOf(store().watch('', start, controller.signal)[Symbol.asyncIterator]());
    const closed = nextOf(store().watch('', start, signal)[Symbol.asyncIterator]());
    controller.abort();
    expect(await aborted).toBe('end');
    await store().close();
    expect(await closed).toBe('end');
  });

  test('a watch from the future of the store is Expired', async () => {
    const revision = await store().revision(signal);
    const iterator = store()
      .watch('', revision + 1n, signal)
      [Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toMatchObject({ name: 'ApiError', reason: 'Expired', code: 410 });
  });

  test('compaction expires the watches from before it, and nothing else', async () => {
    const start = await store().revision(signal);
    await makeHistory(store(), 3);
    const objects = (await store().list('', signal)).objects;
    const upTo = await store().revision(signal);
    const later = await write(store(), { do: 'create', key: '/later', value: '' });
    const live = store().watch('', upTo, signal)[Symbol.asyncIterator]();
    await live.next();
    await store().compact(upTo, signal);
    await store().compact(upTo, signal);
    await store().compact(start, signal);
    for (const after of [start, upTo - 64n, upTo - 1n]) {
      await expect(store().watch('', after, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'Expired' });
    }
    expect((await takeUntil(store(), '', upTo, 1, signal)).flat().map(versionOf)).toEqual([later]);
    const last = await write(store(), { do: 'create', key: '/last', value: '' });
    expect(await nextOf(live)).toEqual([{ type: 'put', object: { key: '/last', value: '', resourceVersion: last } }]);
    await live.return?.();
    const kept = (await store().list('', signal)).objects.filter((object) => !object.key.startsWith('/la'));
    expect(kept).toEqual(objects);
  });
}
