import { storeConformance } from './conformance.ts';
import { openEtcdStore } from './etcd.ts';
import type { Store } from './store.ts';
import { requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../../test/programs/etcd.ts';

const signal = AbortSignal.timeout(600_000);
let etcd: TestEtcd;
let opened = 0;

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
});
