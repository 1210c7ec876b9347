import { setTimeout as delay } from 'node:timers/promises';
import { openEtcdStore } from '../../server/store/etcd.ts';
import type { Store } from '../../server/store/store.ts';
import { requires } from '../prerequisites.ts';
import { realClock } from '../programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';

const signal = AbortSignal.timeout(600_000);

requires('etcd')('a write to etcd whose answer never comes', () => {
  let etcd: TestEtcd;
  let proxy: CuttingProxy;
  let store: Store;
  let behindMs: number;

  beforeAll(async () => {
    etcd = await startTestEtcd();
  }, 30_000);
  afterAll(async () => {
    await etcd.end();
  });
  beforeEach(async () => {
    behindMs = 0;
    proxy = await startCuttingProxy(etcd.port);
    // Deadlines are wall clock times: a clock that runs behind makes them come sooner.
    const clock = { ...realClock, now: () => Date.now() - behindMs };
    store = await openEtcdStore({ endpoints: [proxy.endpoint], prefix: `/${String(performance.now())}/`, clock }, signal);
  });
  afterEach(async () => {
    await store.close();
    await proxy.end();
  });

  /** Updates `/k` over a link that goes silent by `silence`; resolves when the write was given up and the link is whole again. */
  async function updateInSilence(resourceVersion: bigint, silence: () => void): Promise<void> {
    // What etcd still says of the call before is not the answer to this one.
    await delay(200);
    silence();
    behindMs = 4500;
    await expect(store.write({ do: 'replace', key: '/k', value: 'second', resourceVersion }, signal)).rejects.toMatchObject({
      reason: 'Timeout',
    });
    behindMs = 0;
    proxy.breakNow('cut');
  }

  async function create(): Promise<bigint> {
    const created = await store.write({ do: 'create', key: '/k', value: 'first' }, signal);
    if (!created.ok) throw new Error('the key is taken');
    return created.resourceVersion;
  }

  test('was durable where the answer was lost: a read tells, and the same write again is refused', async () => {
    const first = await create();
    await updateInSilence(first, () => proxy.breakAfter(0, 'half-open'));
    const found = await store.get('/k', signal);
    expect(found?.value).toBe('second');
    expect(found?.resourceVersion).toBeGreaterThan(first);
    expect(await store.write({ do: 'replace', key: '/k', value: 'second', resourceVersion: first }, signal)).toEqual({
      ok: false,
      current: found,
    });
  }, 30_000);

  test('was lost where the request was: a read tells, and the same write again takes effect once', async () => {
    const first = await create();
    await updateInSilence(first, () => proxy.breakNow('half-open'));
    expect(await store.get('/k', signal)).toEqual({ key: '/k', value: 'first', resourceVersion: first });
    const again = await store.write({ do: 'replace', key: '/k', value: 'second', resourceVersion: first }, signal);
    expect(again.ok).toBe(true);
    // Nothing of the first try comes late.
    await delay(500);
    expect(await store.get('/k', signal)).toEqual({ key: '/k', value: 'second', resourceVersion: again.ok ? again.resourceVersion : 0n });
  }, 30_000);
});
