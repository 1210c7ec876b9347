import { requires } from '../prerequisites.ts';
import { judge, runCluster } from './cluster/run.ts';

requires(
  'etcd',
  'ip',
  'network-namespaces',
)('an API server on three etcd members', () => {
  test('keeps its promises while the leader is killed, stopped and cut off, and while members restart, compact and defragment', async () => {
    const { violations, faults, acknowledged, watches } = judge(
      await runCluster({ seed: 1, seconds: 25, writesPerSecond: 200, servers: 1, calmMs: 1000 }, new AbortController().signal),
    );
    expect(violations).toEqual([]);
    expect(Object.keys(faults).length).toBeGreaterThanOrEqual(5);
    expect(acknowledged).toBeGreaterThan(300);
    expect(watches).toBeGreaterThan(10);
  }, 120_000);
});
