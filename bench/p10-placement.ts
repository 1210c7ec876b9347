import { setTimeout as delay } from 'node:timers/promises';
import { VirtualMachineKind } from '../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import { inParallel, openCloud, ZONE, type Cloud } from './cloud.ts';
import { latencyOf } from './jobs.ts';
import { eventually } from './processes.ts';
import { scaled, type OwnWorkload } from './workload.ts';

const HOSTS = 5_000;
const HOSTS_PER_POD = 100;
const BURST = 10_000;
const PER_SECOND = 300;
const SECONDS = 10;
const PATIENCE_SECONDS = 300;

/** Hosts as their controller leaves them; there is none here, so that nothing but the scheduling of VMs is at work. */
async function makeHosts(cloud: Cloud, count: number): Promise<void> {
  await cloud.create(ZoneKind, ZONE, {});
  await inParallel(Math.ceil(count / HOSTS_PER_POD), (pod) =>
    cloud.create(PodKind, `rack-${pod}`, { zone: ZONE, overcommit: { cpuPercent: 400 } }),
  );
  await inParallel(count, async (index) => {
    const pod = `rack-${Math.floor(index / HOSTS_PER_POD)}`;
    const host = await cloud.create(HostKind, `host-${index}`, { pod, driver: { name: 'sim', config: {} } });
    const capacity = { cpus: 64, memory: '256Gi', storage: '0' };
    const said = { status: 'True', message: 'by the bench', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const status = {
      capabilities: ['machine.boot-disk', 'machine.interface.user'],
      ...{ capacity, allocatable: { ...capacity, cpus: 256 } },
      conditions: [{ type: 'Ready', reason: 'AsDeclared', ...said }],
    };
    await cloud.client.replaceStatus(HostKind, { ...host, status }, cloud.signal);
  });
}

/** Every fourth VM keeps away from the others of its application. */
function machine(index: number): object {
  const antiAffinity = [{ topology: 'Host', labelSelector: { matchLabels: { app: `app-${index % 50}` } } }];
  return { cpus: 2, memory: '4Gi', interfaces: [{ name: 'eth0' }], placement: { zone: ZONE, ...(index % 4 === 0 && { antiAffinity }) } };
}

interface Watched {
  /** When a VM was seen with a place, and with a verified one, by its name. */
  readonly placed: Map<string, number>;
  readonly verified: Map<string, number>;
}

function watchPlaces({ views }: Cloud): Watched {
  const watched: Watched = { placed: new Map(), verified: new Map() };
  views.of<VirtualMachine>(VirtualMachineKind).onChange(({ object }) => {
    if (object === undefined) return;
    const { metadata, status } = object;
    const verified = status.conditions.some(({ type, status: is }) => type === 'Scheduled' && is === 'True');
    if (status.host !== undefined && !watched.placed.has(metadata.name)) watched.placed.set(metadata.name, performance.now());
    if (verified && !watched.verified.has(metadata.name)) watched.verified.set(metadata.name, performance.now());
  });
  return watched;
}

const all = (what: string, found: ReadonlyMap<string, number>, count: number): Promise<true> =>
  eventually(what, PATIENCE_SECONDS, () => Promise.resolve(found.size >= count || undefined));

const make = (cloud: Cloud, name: string, index: number): Promise<unknown> =>
  cloud.create(VirtualMachineKind, name, machine(index), 'default');

// The looks at what was placed change nothing any more, and are not over before.
const QUIET_MS = 2_000;

/** Resolves when no VM has changed for a while. */
async function quiet({ views }: Cloud): Promise<void> {
  let lastMs = performance.now();
  const stop = views.of(VirtualMachineKind).onChange(() => {
    lastMs = performance.now();
  });
  await eventually('the burst is over', PATIENCE_SECONDS, () => Promise.resolve(performance.now() - lastMs > QUIET_MS || undefined));
  stop();
}

/** Creates at a rate, whatever becomes of them; returns when each was acknowledged. */
async function createAtRate(cloud: Cloud, seconds: number): Promise<ReadonlyMap<string, number>> {
  const acknowledged = new Map<string, number>();
  const start = performance.now();
  await inParallel(
    Math.round(PER_SECOND * seconds),
    async (index) => {
      const wait = start + (index * 1_000) / PER_SECOND - performance.now();
      if (wait > 0) await delay(wait);
      const name = `late-${index}`;
      await make(cloud, name, index);
      acknowledged.set(name, performance.now());
    },
    32,
  );
  return acknowledged;
}

async function measure(cloud: Cloud, scale: number): Promise<Readonly<Record<string, number>>> {
  const hosts = scaled(HOSTS, scale, 500);
  const burst = scaled(BURST, scale, 500);
  await makeHosts(cloud, hosts);
  await inParallel(burst, (index) => make(cloud, `early-${index}`, index));
  const watched = watchPlaces(cloud);
  await cloud.views.of(VirtualMachineKind).synced(cloud.signal);
  await cloud.views.of(HostKind).synced(cloud.signal);
  const start = performance.now();
  const before = process.threadCpuUsage();
  const stop = cloud.start('virtual machines');
  try {
    await all('the burst is placed', watched.placed, burst);
    const { user, system } = process.threadCpuUsage(before);
    const placedAt = Math.max(...watched.placed.values());
    await all('the burst is verified', watched.verified, burst);
    const verifiedAt = Math.max(...watched.verified.values());
    await quiet(cloud);
    const acknowledged = await createAtRate(cloud, scaled(SECONDS, scale, 2));
    await all('the others are placed', watched.placed, burst + acknowledged.size);
    const waits = [...acknowledged].map(([name, from]) => Math.max(0, (watched.placed.get(name) ?? Number.NaN) - from));
    const { p50, p99, max } = latencyOf(waits);
    return {
      placedPerSecond: (burst * 1_000) / (placedAt - start),
      verifiedPerSecond: (burst * 1_000) / (verifiedAt - start),
      // Of this thread, which is all but the store's: what else is at work on the machine does not count.
      cpuMsPerPlacement: (user + system) / 1_000 / burst,
      ...{ p50Ms: p50, p99Ms: p99, maxMs: max },
    };
  } finally {
    await stop();
  }
}

/** P10: how fast VMs are given hosts: a burst that is there when a leader begins, and then some at a rate. */
export const PLACEMENT: OwnWorkload = {
  id: 'P10',
  title: 'placement on 5,000 hosts',
  on: 'own',
  rounds: 3,
  targets: [
    { says: 'durable placements >= 1,500/s', figure: 'placedPerSecond', of: 'absolute', atLeast: 1_500 },
    {
      says: `p99 from create to durable placement at ${PER_SECOND}/s <= 50 ms`,
      figure: 'p99Ms',
      of: 'absolute',
      atMost: 50,
    },
  ],
  async run(folder, { scale }) {
    const cloud = await openCloud(folder);
    try {
      return await measure(cloud, scale);
    } finally {
      await cloud.close();
    }
  },
};
