import { nameOf, machinesPath } from './objects.ts';
import type { Side } from './side.ts';
import { makeMachines } from './watched-writes.ts';
import { scaled, sound, type Workload } from './workload.ts';

const OBJECTS = 1_000;
const NOOPS = 500;

async function versionOf(side: Side, namespace: string): Promise<string> {
  const { body } = await side.ask('GET', `${machinesPath(namespace)}/${nameOf(1)}`);
  return (JSON.parse(body) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

/** P2: updates by writers that do not conflict, and updates that change nothing. */
export const UPDATE: Workload = {
  id: 'P2',
  title: 'updates: 64 writers on 1,000 objects; no-op updates',
  on: 'fresh',
  targets: [
    { says: 'PUT: updates/s >= 3x', figure: 'putsPerSecond', of: 'ratio', atLeast: 3 },
    { says: 'PATCH status: updates/s >= 3x', figure: 'patchesPerSecond', of: 'ratio', atLeast: 3 },
    { says: 'a no-op changes no resourceVersion', figure: 'noopVersionChanged', of: 'absolute', atMost: 0 },
    { says: 'a no-op writes nothing to etcd', figure: 'noopWrites', of: 'absolute', atMost: 0.01, only: 'ours-etcd' },
  ],
  async run(side, { round, scale }) {
    const namespace = `p2-${round}`;
    await makeMachines(side, namespace, OBJECTS);
    const before = await versionOf(side, namespace);
    const puts = await side.etcdCounter('etcd_debugging_mvcc_put_total');
    const noop = { verb: 'put', namespace, objects: OBJECTS, noop: true } as const;
    const quiet = sound(await side.load({ kind: 'closed', shape: noop, clients: 8, count: NOOPS }));
    const putsAfter = await side.etcdCounter('etcd_debugging_mvcc_put_total');
    const after = await versionOf(side, namespace);
    const seconds = scaled(2, scale);
    const put = sound(await side.load({ kind: 'closed', shape: { ...noop, noop: false }, clients: 64, seconds }));
    const patch = { verb: 'patch-status', namespace, objects: OBJECTS } as const;
    const patched = sound(await side.load({ kind: 'closed', shape: patch, clients: 64, seconds }));
    return {
      putsPerSecond: put.requests / put.seconds,
      patchesPerSecond: patched.requests / patched.seconds,
      patchP99: patched.latency.p99,
      noopVersionChanged: before === after ? 0 : 1,
      ...(puts !== undefined && putsAfter !== undefined && { noopWrites: (putsAfter - puts) / quiet.requests }),
    };
  },
};
