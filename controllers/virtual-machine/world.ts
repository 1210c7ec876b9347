import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { strictestAllocation } from '../../apis/meta/allocation.ts';
import { allocatableOf, amountsOf } from '../../apis/meta/amounts.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { indexView, type ViewIndex } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import type { Views } from '../runtime/controller.ts';
import type { ZoneOffer } from './plan/facts.ts';
import type { HostCandidate } from './schedule-facts.ts';

/** The objects that VMs depend on. */
export interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly volumes: View<Volume>;
  readonly machines: View<VirtualMachine>;
  /** VMs by the host that they have or claim. */
  readonly machinesOn: ViewIndex<VirtualMachine>;
  /** Volumes by the uid of the VM that has a claim on them. */
  readonly claimedBy: ViewIndex<Volume>;
}

/** The views of everything that the planner's facts come from. */
export function worldOf(views: Views): World {
  const machines = views.of<VirtualMachine>(VirtualMachineKind);
  const volumes = views.of<Volume>(VolumeKind);
  return {
    zones: views.of<Zone>(ZoneKind),
    pods: views.of<Pod>(PodKind),
    hosts: views.of<Host>(HostKind),
    pools: views.of<StoragePool>(StoragePoolKind),
    volumes,
    machines,
    machinesOn: indexView(machines, ({ status }) => [status.host]),
    claimedBy: indexView(volumes, ({ status }) => [status.claim?.uid]),
  };
}

/** The zone that was given to a VM or that it names; undefined: any. */
export function zoneNameOf({ spec, status }: VirtualMachine): string | undefined {
  return status.zone ?? spec.placement.zone;
}

/** A host as the scheduler sees it; undefined while its pod is not there. */
export function candidateOf({ pods, zones }: World, { metadata, spec, status }: Host): HostCandidate | undefined {
  const pod = pods.get({ name: spec.pod });
  if (pod === undefined) return undefined;
  const zone = zones.get({ name: pod.spec.zone });
  const parents = [pod.spec.allocation, ...(zone === undefined ? [] : [zone.spec.allocation])];
  const { cpus, memoryBytes } = amountsOf(status.capacity);
  const { cpuPercent, memoryPercent } = pod.spec.overcommit;
  return {
    name: metadata.name,
    pod: spec.pod,
    zone: pod.spec.zone,
    labels: metadata.labels ?? {},
    ready: status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    maintenance: spec.maintenance,
    deleting: metadata.deletionTimestamp !== undefined,
    ...(status.conditions.some(({ type, status: is }) => type === 'Full' && is === 'True') && { full: true }),
    allocation: strictestAllocation([spec.allocation, ...parents]),
    capabilities: status.capabilities ?? [],
    realCpus: cpus,
    allocatable: {
      cpus: allocatableOf(cpus, spec.reserved.cpus, cpuPercent),
      memoryBytes: allocatableOf(memoryBytes, bytesOf(spec.reserved.memory), memoryPercent),
    },
  };
}

/** The zone of a pool's scope. */
function zoneOfPool({ pods, hosts }: World, { spec: { scope } }: StoragePool): string | undefined {
  const pod = scope.pod ?? hosts.get({ name: scope.host ?? '' })?.spec.pod;
  return scope.zone ?? pods.get({ name: pod ?? '' })?.spec.zone;
}

/** The zones that have the pod that a VM names and the pools of its volumes. */
export function zoneOffers(world: World, { metadata, spec }: VirtualMachine): readonly ZoneOffer[] {
  const pod = spec.placement.pod;
  const pools = spec.disks.flatMap(({ volume: name }) => {
    const volume = world.volumes.get({ namespace: metadata.namespace ?? '', name });
    return world.pools.get({ name: volume?.status.pool ?? volume?.spec.storagePool ?? '' }) ?? [];
  });
  const has = (zone: string): boolean =>
    (pod === undefined || world.pods.get({ name: pod })?.spec.zone === zone) && pools.every((pool) => zoneOfPool(world, pool) === zone);
  return world.zones
    .list()
    .filter(({ metadata: { name, deletionTimestamp } }) => deletionTimestamp === undefined && has(name))
    .map(({ metadata: { name }, spec: { allocation }, status }) => ({
      name,
      allocation,
      hostsReady: status.counts?.hostsReady ?? 0,
      freeMemoryBytes: amountsOf(status.allocatable).memoryBytes - amountsOf(status.allocated).memoryBytes,
    }));
}

/** Hosts of a zone that list an unmanaged machine of this id. */
export function adoptHostsIn(world: World, zone: string, id: string): readonly string[] {
  const listing = world.hosts.list().filter(({ status }) => status.unmanaged?.some((thing) => thing.kind === 'Machine' && thing.id === id));
  return listing.flatMap((host) => (candidateOf(world, host)?.zone === zone ? [host.metadata.name] : [])).sort();
}
