import { setTimeout as delay } from 'node:timers/promises';
import { createEtcdClient } from '../../server/store/etcd-client.ts';
import { openEtcdStore } from '../../server/store/etcd.ts';
import type { EtcdMet } from '../../server/store/etcd-version.ts';
import type { StoreEvent } from '../../server/store/store.ts';
import { versionOf } from '../../server/store/watch-hub.ts';
import { requires } from '../prerequisites.ts';
import { realClock } from '../programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import { startCuttingProxy } from './cutting-proxy.ts';

const signal = AbortSignal.timeout(600_000);
let etcd: TestEtcd;

requires('etcd')('a store that opens', () => {
  test('says which etcd it met', async () => {
    const met: EtcdMet[] = [];
    const lone = await startTestEtcd();
    const store = await openEtcdStore({ endpoints: [lone.endpoint], clock: realClock, onMet: (one) => met.push(one) }, signal);
    await store.close();
    await lone.end();
    expect(met).toEqual([{ ...met[0], version: expect.stringMatching(/^3\.\d+\.\d+/) as string }]);
  }, 30_000);
});

requires('etcd')('an endpoint', () => {
  test('over which no call is under way is left in peace, because etcd ends links that ask it then and is asked less often for it', async () => {
    const lone = await startTestEtcd();
    const proxy = await startCuttingProxy(lone.port);
    const client = createEtcdClient({ endpoints: [proxy.endpoint], clock: realClock });
    try {
      await client.read((kv, call) => kv.range({ key: Buffer.from('x') }, call));
      await delay(500);
      const asked = proxy.asked();
      await delay(7000);
      expect(proxy.asked()).toBe(asked);
    } finally {
      client.close();
      await proxy.end();
      await lone.end();
    }
  }, 60_000);
});

requires('etcd')('several endpoints, of which one is dead and one dies while it is used', () => {
  beforeAll(async () => {
    etcd = await startTestEtcd();
  }, 30_000);
  afterAll(async () => {
    await etcd.end();
  });

  test('reads, writes and a watch go on over the one that lives, with nothing lost or doubled', async () => {
    const [dead, dying] = [await startCuttingProxy(etcd.port), await startCuttingProxy(etcd.port)];
    await dead.end();
    const store = await openEtcdStore({ endpoints: [dead.endpoint, dying.endpoint, etcd.endpoint], clock: realClock }, signal);
    const create = async (key: string): Promise<bigint> => {
      const outcome = await store.write({ do: 'create', key, value: '' }, signal);
      if (!outcome.ok) throw new Error(`${key} is there already`);
      return outcome.resourceVersion;
    };
    const watch = store.watch('', await store.revision(signal), signal)[Symbol.asyncIterator]();
    const next = async (): Promise<readonly StoreEvent[]> => {
      const told = await watch.next();
      return told.done === true ? [] : told.value;
    };
    const first = await create('/first');
    expect((await next()).map(versionOf)).toEqual([first]);
    expect(dying.bytes()).toBeGreaterThan(0);
    await dying.end();
    await expect(store.get('/first', signal)).resolves.toMatchObject({ resourceVersion: first });
    const versions = [await create('/second'), await create('/third')];
    expect((await next()).map(versionOf)).toEqual(versions.slice(0, 1));
    expect((await next()).map(versionOf)).toEqual(versions.slice(1));
    await store.close();
  }, 60_000);
});
