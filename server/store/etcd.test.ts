import { mustWrite, storeConformance } from './conformance.ts';
import { openEtcdStore } from './etcd.ts';
import type { OutlinePage, Store } from './store.ts';
import { requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../../test/programs/etcd.ts';

const signal = AbortSignal.timeout(600_000);
let etcd: TestEtcd;
let opened = 0;
/** More than one page of an outline. */
const MANY = 10_000;

requires('etcd')('with a real etcd', () => {
  beforeAll(async () => {
    etcd = await startTestEtcd();
  }, 30_000);
  afterAll(async () => {
    await etcd.end();
  });

  storeConformance('in etcd', async () => {
    opened += 1;
    const options = { endpoints: [etcd.endpoint], prefix: `/t${String(opened)}/`, clock: realClock };
    let open: Store = await openEtcdStore(options, signal);
    return {
      store: open,
      reopen: async () => {
        await open.close();
        open = await openEtcdStore(options, signal);
        return open;
      },
      close: () => open.close(),
    };
  });

  test('an outline and a recall of many objects come in pages of one moment', async () => {
    const store = await openEtcdStore({ endpoints: [etcd.endpoint], prefix: '/outlined/', clock: realClock }, signal);
    const keys = Array.from({ length: MANY }, (_, at) => `/k/${String(at)}`);
    for (let at = 0; at < MANY; at += 2048)
      await Promise.all(keys.slice(at, at + 2048).map((key) => mustWrite(store, { do: 'create', key, value: 'v' })));
    const { objects, resourceVersion } = await store.list('', signal);
    const places = objects.map((object) => ({ key: object.key, upTo: object.resourceVersion | 63n }));
    const pages: OutlinePage[] = [];
    for await (const page of store.outline?.(signal) ?? []) {
      pages.push(page);
      // Told by none of the pages to come, wherever its key is.
      const [last] = objects.slice(-1);
      if (last !== undefined && pages.length === 1)
        await mustWrite(store, { do: 'remove', key: last.key, resourceVersion: last.resourceVersion });
    }
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.map((page) => page.resourceVersion)).toEqual(pages.map(() => resourceVersion));
    expect(pages.flatMap((page) => page.places)).toEqual(places);
    const recalled = await Array.fromAsync(store.recall(10, signal));
    expect(recalled.length).toBeGreaterThan(1);
    expect(recalled.flatMap((page) => page.objects)).toEqual(
      objects.slice(0, recalled[0]?.resourceVersion === resourceVersion ? MANY : MANY - 1),
    );
    await store.close();
  }, 60_000);
});
