import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { strictestAllocation } from '../../apis/meta/allocation.ts';
import { conditionIn } from '../../apis/meta/condition.ts';
import type { Allocation } from '../../apis/meta/fields.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Client } from '../../client/client.ts';
import type { DiskFact } from './plan/facts.ts';
import { reaches } from './schedule-filter.ts';
import { candidateOf } from './world.ts';
import type { World } from './world.ts';

type Blocked = NonNullable<DiskFact['blocked']>;

/** The strictest allocation of a pool and what it is in. */
function allocationOf({ pods, zones, hosts }: World, { spec }: StoragePool): Allocation {
  const host = hosts.get({ name: spec.scope.host ?? '' });
  const pod: Pod | undefined = pods.get({ name: spec.scope.pod ?? host?.spec.pod ?? '' });
  const zone: Zone | undefined = zones.get({ name: spec.scope.zone ?? pod?.spec.zone ?? '' });
  return strictestAllocation([spec, ...[host, pod, zone].flatMap((parent) => parent?.spec ?? [])].map(({ allocation }) => allocation));
}

/** Whether nothing is known to be in the way of a volume: what it does at each moment is its own to say. */
function isOnItsWay(volume: Volume): boolean {
  const ready = conditionIn(volume, 'Ready');
  return conditionIn(volume, 'Reconciling')?.status === 'True' || ready === undefined || ready.reason === 'Pending';
}

/** Why a volume cannot be attached to a VM now; undefined: its claim names the VM at its placement. */
function blockedBy(world: World, vm: VirtualMachine, name: string, volume: Volume | undefined): Blocked | undefined {
  if (volume === undefined) return { reason: 'VolumeNotFound', message: `there is no Volume ${name}` };
  const { claim } = volume.status;
  const ready = conditionIn(volume, 'Ready');
  if (claim !== undefined && claim.uid !== vm.metadata.uid) {
    return { reason: 'VolumeClaimed', message: `Volume ${name} is claimed by VirtualMachine ${claim.virtualMachine}` };
  }
  if (claim === undefined && ready?.status !== 'True') {
    return { reason: 'VolumeNotReady', message: `Volume ${name} is not ready${isOnItsWay(volume) ? ' yet' : `: ${ready?.message ?? ''}`}` };
  }
  if (ready?.reason === 'Missing') return { reason: 'VolumeNotReady', message: `Volume ${name}: ${ready.message}` };
  if (claim?.placementEpoch !== vm.status.placementEpoch || claim?.host !== vm.status.host) {
    return { reason: 'WaitingForClaims', message: `Volume ${name} is not granted to it yet` };
  }
  const pool = world.pools.get({ name: volume.status.pool ?? '' });
  if (pool === undefined) return { reason: 'VolumeNotReady', message: `there is no StoragePool ${volume.status.pool ?? ''}` };
  const host = world.hosts.get({ name: vm.status.host ?? '' });
  const candidate = host === undefined ? undefined : candidateOf(world, host);
  if (candidate !== undefined && !reaches(pool.spec, candidate)) {
    const message = `StoragePool ${pool.metadata.name} of Volume ${name} is out of reach of Host ${candidate.name}: it goes elsewhere when it stops`;
    return { reason: 'VolumeNotReady', message };
  }
  if (allocationOf(world, pool) !== 'Disabled') return undefined;
  return { reason: 'VolumeNotReady', message: `StoragePool ${pool.metadata.name} is Disabled: no call may change anything there` };
}

function poolOf({ pools }: World, volume: Volume | undefined): DiskFact['pool'] {
  const pool = pools.get({ name: volume?.status.pool ?? volume?.spec.storagePool ?? '' });
  if (pool?.status.protocols === undefined) return undefined;
  return { name: pool.metadata.name, scope: pool.spec.scope, protocols: pool.status.protocols };
}

/** How far the volumes of a VM are, in the order of its disks; volumes that seem to be granted are read anew, because on that it acts. */
export async function diskFacts(world: World, client: Client, vm: VirtualMachine, signal: AbortSignal): Promise<readonly DiskFact[]> {
  return Promise.all(
    vm.spec.disks.map(async ({ name, volume: volumeName, readOnly }): Promise<DiskFact> => {
      const key = { namespace: vm.metadata.namespace ?? '', name: volumeName };
      const seen = world.volumes.get(key);
      const granted = seen !== undefined && blockedBy(world, vm, volumeName, seen) === undefined;
      const attached = seen !== undefined && conditionIn(seen, 'Attached')?.status === 'True';
      const volume = granted && !attached ? await client.get<Volume>(VolumeKind, key, signal) : seen;
      const pool = poolOf(world, volume);
      const blocked = blockedBy(world, vm, volumeName, volume);
      const grows = volume?.status.conditions.some(
        ({ type, status, reason }) => type === 'Resizing' && status === 'True' && reason === 'Expanding',
      );
      return {
        ...{ name, volume: volumeName, readOnly },
        ...(volume !== undefined && { uid: volume.metadata.uid }),
        ...(pool !== undefined && { pool }),
        ...(blocked !== undefined && { blocked }),
        ...(volume !== undefined && blocked === undefined && grows === true && { growToBytes: bytesOf(volume.spec.size) }),
      };
    }),
  );
}

/** Whether a volume is claimed for a VM at its place that the VM does not list any more. */
export function letsGo({ claimedBy }: World, { metadata, spec, status }: VirtualMachine): boolean {
  const listed = new Set(spec.disks.map(({ volume }) => volume));
  return claimedBy
    .of(metadata.uid)
    .some(({ metadata: { name }, status: { claim } }) => claim?.placementEpoch === status.placementEpoch && !listed.has(name));
}
