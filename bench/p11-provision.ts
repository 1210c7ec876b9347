import { VirtualMachineKind } from '../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { KindDefinition } from '../apis/meta/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { StoragePoolKind } from '../apis/storage/v1alpha1/storage-pool/kind.ts';
import { VolumeKind } from '../apis/storage/v1alpha1/volume/kind.ts';
import { inParallel, openCloud, ZONE, type Cloud } from './cloud.ts';
import { latencyOf } from './jobs.ts';
import { eventually } from './processes.ts';
import { scaled, type OwnWorkload } from './workload.ts';

const MACHINES = 1_000;
const HOSTS = 50;
const POOLS = 4;
const PATIENCE_SECONDS = 300;

type Said = ApiObject & { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } };

const is = (type: string, { status }: Said): boolean =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;

async function makeInfrastructure(cloud: Cloud): Promise<void> {
  await cloud.create(ZoneKind, ZONE, {});
  await cloud.create(PodKind, 'rack-1', { zone: ZONE });
  await inParallel(HOSTS, (index) => {
    const config = { cpus: 128, memory: '512Gi', bootDelayMs: 0, stopDelayMs: 0 };
    return cloud.create(HostKind, `host-${index}`, { pod: 'rack-1', driver: { name: 'sim', config } });
  });
  await inParallel(POOLS, (index) =>
    cloud.create(StoragePoolKind, `pool-${index}`, { scope: { zone: ZONE }, driver: { name: 'sim', config: { capacity: '100Ti' } } }),
  );
}

const allReady = async (cloud: Cloud, kind: KindDefinition, count: number): Promise<true> =>
  eventually(`all ${kind.plural} are ready`, PATIENCE_SECONDS, () => {
    const ready = cloud.views
      .of<Said>(kind)
      .list()
      .filter((object) => is('Ready', object)).length;
    return Promise.resolve(ready >= count || undefined);
  });

/** Counts the versions of each object that were seen after its creation, until its VM ran; a name ends in the VM's number. */
function countChanges({ views }: Cloud, kind: KindDefinition, running: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const changes = new Map<string, number>();
  views.of(kind).onChange(({ old, object }) => {
    const name = object?.metadata.name ?? '';
    if (old === undefined || object === undefined || running.has(`vm-${name.slice(name.lastIndexOf('-') + 1)}`)) return;
    changes.set(name, (changes.get(name) ?? 0) + 1);
  });
  return changes;
}

/** When each VM was first seen to run as declared. */
function watchRunning({ views }: Cloud, running: Map<string, number>): void {
  views.of<VirtualMachine>(VirtualMachineKind).onChange(({ object }) => {
    if (object?.status.phase !== 'Running' || !is('Ready', object) || running.has(object.metadata.name)) return;
    running.set(object.metadata.name, performance.now());
  });
}

async function makeMachine(cloud: Cloud, index: number): Promise<void> {
  const volumes = [`root-${index}`, `data-${index}`];
  for (const name of volumes) await cloud.create(VolumeKind, name, { storagePool: `pool-${index % POOLS}`, size: '10Gi' }, 'default');
  const disks = volumes.map((volume) => ({ name: volume.slice(0, 4), volume }));
  const spec = { cpus: 2, memory: '4Gi', disks, interfaces: [{ name: 'eth0' }], placement: { zone: ZONE } };
  await cloud.create(VirtualMachineKind, `vm-${index}`, spec, 'default');
}

async function measure(cloud: Cloud, count: number): Promise<Readonly<Record<string, number>>> {
  await makeInfrastructure(cloud);
  for (const kind of [HostKind, StoragePoolKind, VirtualMachineKind, VolumeKind]) await cloud.views.of(kind).synced(cloud.signal);
  const stop = cloud.start('all');
  try {
    await allReady(cloud, HostKind, HOSTS);
    await allReady(cloud, StoragePoolKind, POOLS);
    // The counters first: the change that says that a VM runs counts too.
    const running = new Map<string, number>();
    const machineChanges = countChanges(cloud, VirtualMachineKind, running);
    const volumeChanges = countChanges(cloud, VolumeKind, running);
    watchRunning(cloud, running);
    const before = process.threadCpuUsage();
    const start = performance.now();
    await inParallel(count, (index) => makeMachine(cloud, index));
    const created = performance.now();
    await eventually('all machines run', PATIENCE_SECONDS, () => Promise.resolve(running.size >= count || undefined));
    const { user, system } = process.threadCpuUsage(before);
    const [ended, machines] = [Math.max(...running.values()), latencyOf([...machineChanges.values()])];
    const volumes = latencyOf([...volumeChanges.values()]);
    return {
      runningPerSecond: (count * 1_000) / (ended - start),
      createSeconds: (created - start) / 1_000,
      cpuMsPerMachine: (user + system) / 1_000 / count,
      ...{ machineChanges: machines.p50, machineChangesMost: machines.max },
      ...{ volumeChanges: volumes.p50, volumeChangesMost: volumes.max },
    };
  } finally {
    await stop();
  }
}

/** P11: VMs with two volumes each, from their creation until they run, on a simulated data centre that takes no time. */
export const PROVISION: OwnWorkload = {
  id: 'P11',
  title: '1,000 VMs with 2 volumes each, to Running',
  on: 'own',
  rounds: 3,
  targets: [
    { says: 'VMs to Running >= 150/s', figure: 'runningPerSecond', of: 'absolute', atLeast: 150 },
    { says: 'changes of a VM <= 6', figure: 'machineChangesMost', of: 'absolute', atMost: 6 },
    { says: 'changes of a volume until its VM runs <= 4', figure: 'volumeChangesMost', of: 'absolute', atMost: 4 },
  ],
  async run(folder, { scale }) {
    const cloud = await openCloud(folder);
    try {
      return await measure(cloud, scaled(MACHINES, scale, 50));
    } finally {
      await cloud.close();
    }
  },
};
