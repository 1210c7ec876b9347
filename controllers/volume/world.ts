import { conditionIn } from '../../apis/meta/condition.ts';
import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { strictestAllocation } from '../../apis/meta/allocation.ts';
import { NOTHING } from '../../apis/meta/amounts.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { selects } from '../../apis/meta/selector.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { cacheKey } from '../../client/reflector.ts';
import { indexView, sumView, type ViewIndex, type ViewSum } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { Views } from '../runtime/controller.ts';
import type { PoolFact, Source, VolumeFacts } from './plan-facts.ts';

/** The objects that volumes depend on. */
export interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly volumes: View<Volume>;
  readonly machines: View<VirtualMachine>;
  /** By `namespace/name` of each volume that they list. */
  readonly machinesByVolume: ViewIndex<VirtualMachine>;
  /** By `namespace/name` of the volume that they are filled from. */
  readonly volumesBySource: ViewIndex<Volume>;
  /** Bytes promised to the volumes of a pool. */
  readonly promised: ViewSum;
  /** Volumes by the pool that they claim room in, before the first call that makes their disk. */
  readonly claiming: ViewIndex<Volume>;
}

/** The views of everything that the planner's facts come from. */
export function worldOf(views: Views): World {
  const volumes = views.of<Volume>(VolumeKind);
  const machines = views.of<VirtualMachine>(VirtualMachineKind);
  return {
    ...{ zones: views.of<Zone>(ZoneKind), pods: views.of<Pod>(PodKind), hosts: views.of<Host>(HostKind) },
    ...{ pools: views.of<StoragePool>(StoragePoolKind), volumes, machines },
    machinesByVolume: indexView(machines, ({ metadata: { namespace = '' }, spec }) =>
      spec.disks.map(({ volume }) => cacheKey({ namespace, name: volume })),
    ),
    volumesBySource: indexView(volumes, ({ metadata: { namespace = '' }, spec: { source } }) => [
      source?.volume === undefined ? undefined : cacheKey({ namespace, name: source.volume }),
    ]),
    promised: sumView(volumes, (volume) => {
      const { pool } = volume.status;
      return pool === undefined ? undefined : { key: pool, amounts: { ...NOTHING, storageBytes: promisedTo(volume) } };
    }),
    claiming: indexView(volumes, (volume) => [isVerified(volume) ? undefined : volume.status.pool]),
  };
}

interface Place {
  readonly host: Host | undefined;
  readonly pod: Pod | undefined;
  readonly zone: Zone | undefined;
}

function placeOf({ hosts, pods, zones }: World, { spec: { scope } }: StoragePool): Place {
  const host = hosts.get({ name: scope.host ?? '' });
  const pod = pods.get({ name: scope.pod ?? host?.spec.pod ?? '' });
  return { host, pod, zone: zones.get({ name: scope.zone ?? pod?.spec.zone ?? '' }) };
}

/** The zone whose leader decides about a volume; undefined while its pool, or what that is in, is not there. */
export function zoneOf(world: World, { spec, status }: Volume): string | undefined {
  const pool = world.pools.get({ name: status.pool ?? spec.storagePool ?? '' });
  return pool === undefined ? undefined : placeOf(world, pool).zone?.metadata.name;
}

/** Whether a volume has gone on from its claim on the pool: published before the first call that makes its disk. */
function isVerified(volume: Volume): boolean {
  const { volumeId, operation } = volume.status;
  return volumeId !== undefined || operation !== undefined || ['Creating', 'Adopting'].includes(conditionIn(volume, 'Ready')?.reason ?? '');
}

/** Bytes that its pool promises to a volume. */
export const promisedTo = ({ spec, status }: Volume): number => Math.max(bytesOf(spec.size), bytesOf(status.size ?? 0));

/** Bytes promised to the volumes of a pool that come before this one: of two claims that do not fit, the later one sees the earlier. */
function promisedBefore({ promised, claiming, volumes }: World, { metadata, status }: Volume, pool: string): number {
  const mine = BigInt(metadata.resourceVersion);
  const shown = volumes.get({ namespace: metadata.namespace ?? '', name: metadata.name });
  const own = shown?.metadata.uid === metadata.uid && shown.status.pool === pool ? [shown] : [];
  const isLater = (other: Volume): boolean => other.metadata.uid !== metadata.uid && BigInt(other.metadata.resourceVersion) >= mine;
  const later = status.pool === pool ? claiming.of(pool).filter(isLater) : [];
  return [...own, ...later].reduce((left, other) => left - promisedTo(other), promised.of(pool).amounts.storageBytes);
}

/** What a volume needs to know of a pool, from objects alone. */
export function poolFactOf(world: World, volume: Volume, pool: StoragePool): PoolFact {
  const { metadata, spec, status } = pool;
  const ready = conditionIn(pool, 'Ready');
  const { host, pod, zone } = placeOf(world, pool);
  const parents = [host, pod, zone].flatMap((parent) => (parent === undefined ? [] : [parent.spec.allocation]));
  return {
    name: metadata.name,
    ready: ready?.status === 'True' && zone !== undefined,
    reason: ready?.reason ?? 'Pending',
    full: conditionIn(pool, 'Full')?.status === 'True',
    deleting: metadata.deletionTimestamp !== undefined,
    led: zone !== undefined,
    allocation: strictestAllocation([spec.allocation, ...parents]),
    limitBytes: Math.floor((bytesOf(status.capacity ?? 0) * spec.overcommitPercent) / 100),
    promisedBytes: promisedBefore(world, volume, metadata.name),
  };
}

/** Pools that a volume may live in; a selector finds pools of zone and pod scope only. */
export function offersFor({ pools }: World, { spec }: Volume): readonly StoragePool[] {
  const { storagePool, poolSelector } = spec;
  if (storagePool !== undefined) {
    const named = pools.get({ name: storagePool });
    return named === undefined ? [] : [named];
  }
  if (poolSelector === undefined) return [];
  return pools.list().filter((pool) => pool.spec.scope.host === undefined && selects(poolSelector, pool.metadata.labels));
}

/** VMs with a verified placement that list the volume, oldest first. */
export function wantingOf({ machinesByVolume, hosts }: World, { metadata }: Volume): VolumeFacts['wanting'] {
  const age = (vm: VirtualMachine): string => `${vm.metadata.creationTimestamp} ${vm.metadata.uid}`;
  return machinesByVolume
    .of(cacheKey(metadata))
    .filter((vm) => vm.metadata.deletionTimestamp === undefined && conditionIn(vm, 'Scheduled')?.status === 'True')
    .sort((one, other) => (age(one) < age(other) ? -1 : 1))
    .flatMap((vm) => {
      const { host, placementEpoch } = vm.status;
      const hostId = hosts.get({ name: host ?? '' })?.status.hostId;
      if (host === undefined || placementEpoch === undefined || hostId === undefined) return [];
      return [{ virtualMachine: vm.metadata.name, uid: vm.metadata.uid, host, placementEpoch, hostId }];
    });
}

/** Whether the VM of the claim still wants the volume, at the claim's placement. */
export function claimHolds({ machines }: World, { metadata, status: { claim } }: Volume): boolean {
  if (claim === undefined) return false;
  const vm = machines.get({ namespace: metadata.namespace ?? '', name: claim.virtualMachine });
  if (vm?.metadata.uid !== claim.uid) return false;
  const { host, placementEpoch } = vm.status;
  return host === claim.host && placementEpoch === claim.placementEpoch && vm.spec.disks.some(({ volume }) => volume === metadata.name);
}

/**
 * Whether the host of the claim has heard a decision of its VM that does not give the machine the volume: then an older one is refused there. A VM
 * that has gone, or has left that place, has left its mark there.
 */
export function hasHeard({ machines }: World, { metadata, status: { claim } }: Volume, machine: Machine | undefined): boolean {
  const vm = machines.get({ namespace: metadata.namespace ?? '', name: claim?.virtualMachine ?? '' });
  if (vm?.metadata.uid !== claim?.uid || vm === undefined) return true;
  const { host, placementEpoch } = vm.status;
  if (host !== claim?.host || placementEpoch !== claim?.placementEpoch) return true;
  return machine !== undefined && machine.generation >= vm.metadata.generation;
}

/** Whether the VM that claims a volume says that it is at work: giving it its disks may be a part of that. */
export function isWorkedOn({ machines }: World, { metadata, status: { claim } }: Volume): boolean {
  const vm = machines.get({ namespace: metadata.namespace ?? '', name: claim?.virtualMachine ?? '' });
  return vm !== undefined && vm.metadata.uid === claim?.uid && conditionIn(vm, 'Reconciling')?.status === 'True';
}

/** A volume that is being filled from this one. */
export function clonedBy({ volumesBySource }: World, { metadata }: Volume): string | undefined {
  const copying = volumesBySource
    .of(cacheKey(metadata))
    .find(
      ({ status }) =>
        status.operation !== undefined && status.volumeId === undefined && status.conditions.every(({ reason }) => reason !== 'FillFailed'),
    );
  return copying?.metadata.name;
}

/** The volume that this one is filled from, and whether it can be read now. */
export function sourceOf(source: Volume | undefined, { spec, status }: Volume): Source {
  const name = spec.source?.volume ?? '';
  if (source?.status.volumeId === undefined) return { state: 'absent', because: `there is no Volume ${name} with a disk` };
  if (source.status.pool !== status.pool) return { state: 'absent', because: `Volume ${name} is in another StoragePool` };
  const { claim } = source.status;
  if (claim !== undefined) return { state: 'busy', because: `Volume ${name} is claimed by VirtualMachine ${claim.virtualMachine}` };
  if (source.metadata.deletionTimestamp !== undefined) return { state: 'busy', because: `Volume ${name} is being deleted` };
  return { state: 'ready', uid: source.metadata.uid };
}

/** The volume that has taken in a disk of this id before. */
export function adopterOf({ volumes }: World, { metadata, status }: Volume, id: string): Volume | undefined {
  const took = (other: Volume): boolean =>
    other.spec.adopt === id && other.status.pool === status.pool && other.status.volumeId !== undefined;
  return volumes.list().find((other) => other.metadata.uid !== metadata.uid && took(other));
}
