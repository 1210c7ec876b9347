import { usage } from './processes.ts';
import { makeLeases, makeMachines, watchedWrites } from './watched-writes.ts';
import { scaled, sound, type Workload } from './workload.ts';

const LEASES = 5_000;

/** P15: hosts' heartbeats. */
export const LEASES_RENEWED: Workload = {
  id: 'P15',
  title: '5,000 Leases renewed every 10 s (500/s)',
  on: 'fresh',
  rounds: 2,
  targets: [
    { says: 'CPU of the server per 1,000 <= 0.3x', figure: 'cpuPerThousand', of: 'ratio', atMost: 0.3 },
    { says: 'watch p99 + <= 2 ms', figure: 'addedMs', of: 'absolute', atMost: 2 },
  ],
  async run(side, { round, scale }) {
    const namespace = `p15-${round}`;
    const objects = scaled(LEASES, scale, 500);
    const writes = { namespace: `${namespace}-vms`, objects: 100, perSecond: 100, seconds: scaled(3, scale, 2), watchers: 1 };
    await makeLeases(side, namespace, objects);
    await makeMachines(side, writes.namespace, writes.objects);
    const shape = { verb: 'renew', namespace, objects } as const;
    // First, so that what is compiled while it runs is compiled: heartbeats go on for months.
    const most = sound(await side.load({ kind: 'closed', shape, clients: 64, seconds: scaled(2, scale) }));
    const alone = await watchedWrites(side, writes);
    const renewing = { kind: 'rate', shape, connections: 32, perSecond: 500, seconds: scaled(6, scale, 3) } as const;
    const before = await usage(side.pid());
    const renewed = sound(await side.load(renewing));
    const after = await usage(side.pid());
    const background = side.probe({ ...renewing, seconds: writes.seconds + 1 });
    const beside = await watchedWrites(side, writes);
    sound(await background);
    return {
      cpuPerThousand: ((after.cpuSeconds - before.cpuSeconds) * 1_000) / renewed.requests,
      renewedPerSecond: renewed.requests / renewed.seconds,
      aloneP99: alone.events.latency.p99,
      addedMs: beside.events.latency.p99 - alone.events.latency.p99,
      saturatesAt: most.requests / most.seconds,
    };
  },
};
