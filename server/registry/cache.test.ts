import { openSqliteStore } from '../store/sqlite.ts';
import type { Store, StoreEvent } from '../store/store.ts';
import { openBench, zone, ZONES } from '../../test/api-bench.ts';

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
