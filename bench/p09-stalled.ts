import { usage } from './processes.ts';
import { makeMachines, watchedWrites } from './watched-writes.ts';
import { scaled, type Workload } from './workload.ts';

/** P9: what watchers that hang cost one that does not. */
export const STALLED: Workload = {
  id: 'P9',
  title: '1 healthy + 100 stalled watchers',
  on: 'fresh',
  peerRounds: 1,
  targets: [{ says: '<= 1 ms added at p99', figure: 'addedMs', of: 'absolute', atMost: 1 }],
  async run(side, { round, scale }) {
    const namespace = `p9-${round}`;
    const writes = { namespace, objects: 100, perSecond: 100, seconds: scaled(4, scale, 3), watchers: 1 };
    await makeMachines(side, namespace, writes.objects);
    const alone = await watchedWrites(side, writes);
    const before = await usage(side.pid());
    const beside = await watchedWrites(side, { ...writes, stalled: 100 });
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
