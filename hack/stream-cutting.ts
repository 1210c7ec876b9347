import { isDeepStrictEqual } from 'node:util';
import { openEtcdStore } from '../server/store/etcd.ts';
import { realClock } from '../test/programs/clock.ts';
import { startTestEtcd } from '../test/programs/etcd.ts';
import { watchThroughProxy, writeBacklog } from '../test/store/stream-cuts.ts';

/** Cuts the link to a real etcd at evenly spread places of a backlog, and says how many watches told it otherwise than it was written. */
async function cutStreams(offsets: number, signal: AbortSignal): Promise<number> {
  const etcd = await startTestEtcd();
  try {
    const prefix = '/cut/';
    const store = await openEtcdStore({ endpoints: [etcd.endpoint], prefix, clock: realClock }, signal);
    const backlog = await writeBacklog(store, prefix, 5000, signal);
    await store.close();
    const { bytes } = await watchThroughProxy(etcd.port, backlog, () => undefined, signal);
    let wrong = 0;
    for (let at = 0; at < offsets; at += 1) {
      const offset = 1 + Math.floor((bytes * 0.95 * at) / offsets);
      const seen = await watchThroughProxy(etcd.port, backlog, (proxy) => proxy.breakAfter(offset, 'cut'), signal);
      if (seen.at === undefined || !isDeepStrictEqual(seen.revisions, backlog.revisions)) {
        wrong += 1;
        console.log(`wrong: cut after ${String(offset)} of ${String(bytes)} bytes`);
      }
      if ((at + 1) % 100 === 0) console.log(`${String(at + 1)} cuts, ${String(wrong)} wrong`);
    }
    return wrong;
  } finally {
    await etcd.end();
  }
}

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
const [offsets = '1000', ...others] = process.argv.slice(2);
if (others.length > 0 || !/^[1-9]\d{0,5}$/.test(offsets)) {
  console.error('usage: node hack/stream-cutting.ts [OFFSETS]');
  process.exitCode = 2;
} else {
  const wrong = await cutStreams(Number(offsets), interrupted.signal);
  console.log(`${offsets} cuts, ${String(wrong)} wrong`);
  process.exitCode = wrong === 0 ? 0 : 1;
}
