import { scaled, sound, type Workload } from './workload.ts';

/** P1: durable, validated creates. */
export const CREATE: Workload = {
  id: 'P1',
  title: 'create 20k VirtualMachines of 1.3 KB, 1 / 64 / 256 clients',
  on: 'fresh',
  targets: [
    { says: '1 client: median latency <= 1.0x', figure: 'latency1', of: 'ratio', atMost: 1 },
    { says: '64 clients: creates/s >= 3x on etcd', figure: 'perSecond64', of: 'ratio', atLeast: 3, only: 'ours-etcd' },
    { says: '256 clients: creates/s >= 3x on etcd', figure: 'perSecond256', of: 'ratio', atLeast: 3, only: 'ours-etcd' },
    { says: '64 clients: creates/s >= 4x on SQLite', figure: 'perSecond64', of: 'ratio', atLeast: 4, only: 'ours-sqlite' },
    { says: '256 clients: creates/s >= 4x on SQLite', figure: 'perSecond256', of: 'ratio', atLeast: 4, only: 'ours-sqlite' },
  ],
  async run(side, { round, scale }) {
    const namespace = `p1-${round}`;
    await side.namespace(namespace);
    const sample: Record<string, number> = {};
    let from = 0;
    for (const [clients, full] of [
      [1, 1_000],
      [64, 9_500],
      [256, 9_500],
    ] as const) {
      const count = scaled(full, scale, clients);
      const shape = { verb: 'create', of: 'machines', namespace, from } as const;
      const made = sound(await side.load({ kind: 'closed', shape, clients, count }));
      from += count;
      sample[`perSecond${clients}`] = made.requests / made.seconds;
      sample[`latency${clients}`] = made.latency.p50;
      sample[`p99of${clients}`] = made.latency.p99;
    }
    return sample;
  },
};
