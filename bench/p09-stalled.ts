import { usage } from './processes.ts';
import { makeMachines, watchedWrites } from './watched-writes.ts';
import { scaled, type Workload } from './workload.ts';

/** More than the sockets of a watcher that reads nothing hold, of changes of 1.4 KB. */
const FILLING = 4_000;

/** P9: what watchers that hang cost one that does not. */
export const STALLED: Workload = {
  id: 'P9',
  title: '1 healthy + 100 stalled watchers',
  on: 'fresh',
  peerRounds: 1,
  targets: [{ says: '<= 1 ms added at p99', figure: 'addedMs', of: 'absolute', atMost: 1 }],
  async run(side, { round, scale }) {
    const writes = { namespace: `p9-${round}`, objects: 100, perSecond: 400, seconds: scaled(3, scale, 2), watchers: 1 };
    const stalled = { ...writes, namespace: `p9-${round}-stalled`, stalled: 100, filling: FILLING };
    for (const { namespace, objects } of [writes, stalled]) await makeMachines(side, namespace, objects);
    const alone = await watchedWrites(side, writes);
    const before = await usage(side.pid());
    const beside = await watchedWrites(side, stalled);
    const after = await usage(side.pid());
    return {
      aloneP99: alone.events.latency.p99,
      besideP99: beside.events.latency.p99,
      addedMs: beside.events.latency.p99 - alone.events.latency.p99,
      stalledClosed: beside.events.stalledClosed,
      grownMiB: (after.rss - before.rss) / 2 ** 20,
    };
  },
};
