import { FILLED, scaled, sound, type Workload } from './workload.ts';

/** P3: linearizable get. */
export const GET: Workload = {
  id: 'P3',
  title: 'linearizable get, 64 clients',
  on: 'filled',
  targets: [
    { says: 'gets/s >= 4x', figure: 'perSecond', of: 'ratio', atLeast: 4 },
    { says: '<= 0.05 store reads a request', figure: 'storeReads', of: 'absolute', atMost: 0.05, only: 'ours-etcd' },
  ],
  async run(side, { objects, scale }) {
    const before = await side.etcdCounter('grpc_server_handled_total', 'grpc_method="Range"');
    const shape = { verb: 'get', namespace: FILLED, objects } as const;
    const got = sound(await side.load({ kind: 'closed', shape, clients: 64, seconds: scaled(2, scale) }));
    const after = await side.etcdCounter('grpc_server_handled_total', 'grpc_method="Range"');
    return {
      perSecond: got.requests / got.seconds,
      p50: got.latency.p50,
      p99: got.latency.p99,
      ...(before !== undefined && after !== undefined && { storeReads: (after - before) / got.requests }),
    };
  },
};
