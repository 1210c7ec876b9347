import { openSqliteStore } from '../store/sqlite.ts';
import type { Store, StoreEvent } from '../store/store.ts';
import { CATALOG } from '../../apis/catalog.ts';
import { openBench, REAL_CLOCK, zone, ZONES } from '../../test/api-bench.ts';
import { createWatchCache, HISTORY, type WatchCache } from './cache.ts';
import { createRegistry } from './registry.ts';
import { resourcesOf, type Resource } from './resource.ts';

const FOREIGN = 'foreign/';

/** A store that others write to as well: they use its revisions up, and its watch does not tell of it. */
async function sharedStore(signal: AbortSignal): Promise<{ readonly store: Store; readonly foreign: (name: string) => Promise<unknown> }> {
  const whole = await openSqliteStore({ file: ':memory:' }, signal);
  const ours = (event: StoreEvent): boolean => !(event.type === 'put' ? event.object.key : event.key).startsWith(FOREIGN);
  const store: Store = {
    identity: whole.identity,
    get: (key, stop) => whole.get(key, stop),
    list: (prefix, stop) => whole.list(prefix, stop),
    recall: (changes, stop) => whole.recall(changes, stop),
    revision: (stop) => whole.revision(stop),
    write: (write, stop) => whole.write(write, stop),
    compact: (upTo, stop) => whole.compact(upTo, stop),
    close: () => whole.close(),
    async *watch(prefix, after, stop) {
      for await (const events of whole.watch(prefix, after, stop)) {
        const told = events.filter(ours);
        if (told.length > 0) yield told;
      }
    },
  };
  return { store, foreign: (name) => whole.write({ do: 'create', key: `${FOREIGN}${name}`, value: '{}' }, signal) };
}

test('reads are served though others use up the revisions of the store', async () => {
  const { store, foreign } = await sharedStore(new AbortController().signal);
  const bench = await openBench({ store });
  await bench.create(ZONES, zone('a'));
  for (let round = 0; round < 3; round += 1) {
    await foreign(String(round));
    const answers = await Promise.all(Array.from({ length: 20 }, () => bench.ask('GET', `${ZONES}/a`)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  }
  expect(bench.troubles).toEqual([]);
  await bench.close();
});

test('a watch that the store breaks off goes on where it was, and its readers lose nothing', async () => {
  const { store } = await sharedStore(new AbortController().signal);
  let breaks = 0;
  const fragile: Store = {
    ...store,
    async *watch(prefix, after, stop) {
      for await (const events of store.watch(prefix, after, stop)) {
        yield events;
        breaks += 1;
        if (breaks % 3 === 0) throw new Error('the connection broke');
      }
    },
  };
  const bench = await openBench({ store: fragile });
  const events = await bench.watch(ZONES, { resourceVersion: (await bench.ask('GET', ZONES)).body.metadata.resourceVersion });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await bench.create(ZONES, zone(name));
  const seen: string[] = [];
  for await (const { object } of events) {
    seen.push((object as { metadata: { name: string } }).metadata.name);
    if (seen.length === 7) break;
  }
  expect(seen.join('')).toBe('abcdefg');
  expect(bench.troubles.length).toBeGreaterThan(0);
  await bench.close();
});

test.each(['recalled', 'gone through'])('a past that cannot be %s does not keep a server from starting', async (what) => {
  const { store } = await sharedStore(new AbortController().signal);
  const unreadable = new Error('the past holds what nobody can read');
  const broken: Store = {
    ...store,
    async *recall() {
      yield { resourceVersion: 63n, objects: [] };
      if (what === 'recalled') throw unreadable;
    },
    watch(prefix, after, stop) {
      if (after === 63n) throw unreadable;
      return store.watch(prefix, after, stop);
    },
  };
  await store.write({ do: 'create', key: `${FOREIGN}first`, value: '{}' }, new AbortController().signal);
  const bench = await openBench({ store: broken });
  await bench.create(ZONES, zone('a'));
  expect((await bench.ask('GET', `${ZONES}/a`)).status).toBe(200);
  expect(bench.troubles).toEqual([unreadable]);
  await bench.close();
});

const OBJECTS = 6000;
const RESOURCES = resourcesOf(CATALOG);

function zones(): Resource {
  const found = RESOURCES.find(({ kind }) => kind.kind === 'Zone');
  if (found === undefined) throw new Error('no zones');
  return found;
}

/** A store with many zones of 1 KB. */
async function filledStore(signal: AbortSignal): Promise<Store> {
  const store = await openSqliteStore({ file: ':memory:' }, signal);
  const { apiVersion, prefix } = zones();
  const names = Array.from({ length: OBJECTS }, (_, at) => `z${String(at).padStart(5, '0')}`);
  for (let at = 0; at < names.length; at += 1000) {
    await Promise.all(
      names.slice(at, at + 1000).map((name, index) => {
        const metadata = { name, uid: `uid-${name}`, labels: { tier: String(index % 2) }, annotations: { note: 'n'.repeat(1000) } };
        const value = JSON.stringify({ apiVersion, kind: 'Zone', metadata, spec: {} });
        return store.write({ do: 'create', key: `${prefix}${name}`, value }, signal);
      }),
    );
  }
  return store;
}

/** How many turns others had while something was done. */
async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let [turns, done] = [0, false];
  const count = (): void => {
    turns += 1;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  await work();
  done = true;
  return turns;
}

async function whenFilled(cache: WatchCache): Promise<void> {
  while (!cache.filled) await new Promise((resolve) => setImmediate(resolve));
}

test('filling many objects, scanning them and watching them from the start is done in slices, between which others have their turn', async () => {
  const stop = new AbortController();
  const { signal } = stop;
  const store = await filledStore(signal);
  const onTrouble = (error: unknown): void => {
    throw error;
  };
  const cache = createWatchCache({ store, clock: REAL_CLOCK, resources: RESOURCES, history: HISTORY, freeze: false, onTrouble });
  const running = cache.run(signal);
  expect(await turnsOf(() => whenFilled(cache))).toBeGreaterThan(15);
  // Nobody is let in before it is complete.
  expect(cache.table(zones().prefix).rows('').size).toBe(OBJECTS);

  const registry = createRegistry(store, cache, REAL_CLOCK, false);
  const selection = { labels: [{ key: 'tier', operator: 'Exists' as const }], fields: [] };
  const asked = { resource: zones(), namespace: '', selection, limit: 0, freshness: { want: 'any' as const } };
  let found = 0;
  const scanning = await turnsOf(async () => {
    found = (await registry.list(asked, signal)).entries.length;
  });
  expect({ found, enough: scanning >= OBJECTS / 1024 - 1 }).toEqual({ found: OBJECTS, enough: true });

  const none = { labels: [{ key: 'tier', operator: 'In' as const, values: ['no'] }], fields: [] };
  const request = { ...asked, selection: none, initial: 'state' as const, markEnd: true, bookmarks: true, timeoutMs: 60_000 };
  const watching = await turnsOf(async () => {
    for await (const { type } of await registry.watch(request, signal)) if (type === 'BOOKMARK') break;
  });
  expect(watching).toBeGreaterThan(OBJECTS / 256 - 2);
  stop.abort();
  await running;
  await store.close();
}, 30_000);

test('a cache whose watch has lost a change or a removal is found out and filled anew, and one that has not is left alone', async () => {
  const stop = new AbortController();
  const { signal } = stop;
  const whole = await openSqliteStore({ file: ':memory:' }, signal);
  const { apiVersion, prefix } = zones();
  const lost = new Set<string>();
  const store: Store = Object.assign(Object.create(whole) as Store, {
    ...Object.fromEntries(
      (['list', 'recall', 'revision', 'get', 'write'] as const).map((name) => [name, whole[name].bind(whole)] as const),
    ),
    async *outline(until: AbortSignal) {
      const { objects, resourceVersion } = await whole.list('', until);
      yield { resourceVersion, places: objects.map((object) => ({ key: object.key, upTo: object.resourceVersion | 63n })) };
    },
    async *watch(from: string, after: bigint, until: AbortSignal) {
      for await (const events of whole.watch(from, after, until)) {
        const told = events.filter((event) => !lost.has(event.type === 'put' ? event.object.key : event.key));
        yield told;
      }
    },
  });
  // The five minutes between two comparisons pass whenever the test says so.
  let compare = (): void => undefined;
  const clock = {
    ...REAL_CLOCK,
    sleep: (ms: number, until: AbortSignal) =>
      ms < 60_000
        ? REAL_CLOCK.sleep(ms, until)
        : new Promise<void>((resolve, reject) => {
            compare = resolve;
            until.addEventListener('abort', () => {
              reject(new Error('aborted'));
            });
          }),
  };
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown): unknown => troubles.push(error);
  const cache = createWatchCache({ store, clock, resources: RESOURCES, history: HISTORY, freeze: false, onTrouble });
  const running = cache.run(signal);
  const write = async (name: string, resourceVersion?: bigint): Promise<bigint> => {
    const value = JSON.stringify({ apiVersion, kind: 'Zone', metadata: { name, uid: name }, spec: {} });
    const key = `${prefix}${name}`;
    const write =
      resourceVersion === undefined ? { do: 'create' as const, key, value } : { do: 'replace' as const, key, value, resourceVersion };
    const outcome = await whole.write(write, signal);
    return outcome.ok ? outcome.resourceVersion : 0n;
  };
  const settled = async (differences: number): Promise<void> => {
    for (let turn = 0; turn < 200 && cache.differences < differences; turn += 1) {
      compare();
      await REAL_CLOCK.sleep(10, signal);
    }
    await REAL_CLOCK.sleep(300, signal);
    await cache.fresh(signal);
  };
  const keys = (): readonly string[] =>
    cache
      .table(prefix)
      .all(prefix)
      .map(({ key, resourceVersion }) => `${key.slice(prefix.length)}@${String(resourceVersion)}`);

  await whenFilled(cache);
  const a = await write('a');
  const b = await write('b');
  await cache.fresh(signal);
  for (let round = 0; round < 5; round += 1) {
    compare();
    await REAL_CLOCK.sleep(10, signal);
  }
  expect([cache.differences, troubles]).toEqual([0, []]);
  let ended = false;
  cache.listen(prefix, {
    changed: () => undefined,
    lost: () => {
      ended = true;
    },
  });

  lost.add(`${prefix}a`);
  const changed = await write('a', a);
  await write('c');
  await cache.fresh(signal);
  lost.clear();
  expect(keys()[0]).toBe(`a@${String(a)}`);
  await settled(1);
  expect([cache.differences, ended, keys()[0]]).toEqual([1, true, `a@${String(changed)}`]);

  lost.add(`${prefix}b`);
  await whole.write({ do: 'remove', key: `${prefix}b`, resourceVersion: b }, signal);
  await write('d');
  await cache.fresh(signal);
  lost.clear();
  expect(keys().length).toBe(4);
  await settled(2);
  expect([cache.differences, keys().length]).toEqual([2, 3]);
  // Whoever was told of neither must list again.
  expect(cache.table(prefix).log.after(changed)).toBeUndefined();
  expect(troubles.map((error) => String((error as Error).cause))).toEqual([
    expect.stringContaining(`${prefix}a is of version`),
    expect.stringContaining(`${prefix} has 1 objects that are gone`),
  ]);
  stop.abort();
  await running;
  await whole.close();
}, 30_000);
