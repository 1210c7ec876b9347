import { makeMachines, watchedWrites } from './watched-writes.ts';
import { scaled, type Workload } from './workload.ts';

/** P7: from an acknowledged write to its event, by one clock. */
export const WATCH: Workload = {
  id: 'P7',
  title: 'acknowledged write to watch event, 500 writes/s, 1 and 100 watchers',
  on: 'fresh',
  targets: [1, 100].flatMap((watchers) => [
    { says: `${watchers} watchers: p99 <= 0.7x`, figure: `p99of${watchers}`, of: 'ratio' as const, atMost: 0.7 },
    { says: `${watchers} watchers: p99 <= 10 ms`, figure: `p99of${watchers}`, of: 'absolute' as const, atMost: 10 },
  ]),
  async run(side, { round, scale }) {
    const namespace = `p7-${round}`;
    const objects = 500;
    await makeMachines(side, namespace, objects);
    const sample: Record<string, number> = {};
    for (const watchers of [1, 100]) {
      const seconds = scaled(2.5, scale, 2);
      const { events, requests, seconds: took } = await watchedWrites(side, { namespace, objects, perSecond: 500, seconds, watchers });
      sample[`p50of${watchers}`] = events.latency.p50;
      sample[`p99of${watchers}`] = events.latency.p99;
      sample[`lostOf${watchers}`] = events.lost;
      sample[`doubledOf${watchers}`] = events.doubled;
      sample[`endedOf${watchers}`] = events.ended;
      sample[`writesPerSecond${watchers}`] = requests / took;
    }
    return sample;
  },
};
