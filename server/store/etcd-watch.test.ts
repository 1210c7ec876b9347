import { takeUntil } from './conformance-watch.ts';
import { mustWrite } from './conformance.ts';
import { openEtcdStore } from './etcd.ts';
import type { Store } from './store.ts';
import { requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';
import { startEtcdProxy, watchResponse, type EtcdProxy } from '../../test/programs/etcd-proxy.ts';
import { startTestEtcd, type TestEtcd } from '../../test/programs/etcd.ts';
import { versionOf } from './watch-hub.ts';

const signal = AbortSignal.timeout(600_000);
const KEYS = ['a', 'b', 'c', 'd', 'e'];

requires('etcd')('a watch of an etcd that does not tell as it should', () => {
  let etcd: TestEtcd;
  let proxy: EtcdProxy;
  let store: Store;
  let start: bigint;
  let opened = 0;

  beforeAll(async () => {
    etcd = await startTestEtcd();
  }, 30_000);
  afterAll(async () => {
    await etcd.end();
  });
  beforeEach(async () => {
    proxy = await startEtcdProxy(etcd.port);
    opened += 1;
    // What takes five seconds or two takes a tenth of one here.
    const clock = { ...realClock, sleep: (ms: number, until: AbortSignal) => realClock.sleep(Math.min(ms, 100), until) };
    store = await openEtcdStore({ endpoints: [proxy.endpoint], prefix: `/w${String(opened)}/`, clock }, signal);
    start = await store.revision(signal);
  });
  afterEach(async () => {
    await store.close();
    proxy.end();
  });

  async function writeAll(): Promise<readonly bigint[]> {
    const versions: bigint[] = [];
    for (const key of KEYS) versions.push(await mustWrite(store, { do: 'create', key, value: key }));
    return versions;
  }

  async function told(): Promise<readonly bigint[]> {
    return (await takeUntil(store, '', start, KEYS.length, signal)).flat().map(versionOf);
  }

  test('that tells everything twice tells us once', async () => {
    proxy.alter((message) => [message, message]);
    const watched = told();
    const written = await writeAll();
    expect(await watched).toEqual(written);
    expect(await told()).toEqual(written);
  });

  test('that goes back in time while it is watched is Expired', async () => {
    await writeAll();
    let messages = 0;
    proxy.alter((message) => {
      messages += 1;
      return messages === 2 ? [message, watchResponse(1)] : [message];
    });
    await expect(takeUntil(store, '', start, KEYS.length + 1, signal)).rejects.toMatchObject({ reason: 'Expired' });
  });

  test('whose member is behind when the watch is created is asked again', async () => {
    const written = await writeAll();
    proxy.alter((message, stream) => (stream < 3 ? [watchResponse(1, { created: true })] : [message]));
    expect(await told()).toEqual(written);
    expect(proxy.streams()).toBe(3);
  });

  test('that does not answer the creation is asked on another stream', async () => {
    const written = await writeAll();
    proxy.alter((message, stream) => (stream < 3 ? [] : [message]));
    expect(await told()).toEqual(written);
    expect(proxy.streams()).toBe(3);
  });

  test('that cancels because of a compaction is Expired, and one that cancels for no reason is asked again', async () => {
    const written = await writeAll();
    proxy.alter((message, stream) => (stream === 1 ? [message, watchResponse(100, { canceledAt: 0 })] : [message]));
    expect(await told()).toEqual(written);
    proxy.alter(() => [watchResponse(1_000_000, { canceledAt: 9 })]);
    await expect(told()).rejects.toMatchObject({ reason: 'Expired' });
  });
});
