import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { ObjectKey } from '../../client/client.ts';
import type { View } from '../../client/view.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import type { Planned } from '../runtime/plan.ts';
import { planZone } from './plan.ts';
import type { HostInZone, ZoneFacts, ZoneStep } from './plan.ts';

export interface ZoneControllerOptions {
  readonly views: Views;
  /** Who this process is, for status.shard: the process that decides about a zone leads it. */
  readonly identity: string;
}

interface World {
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly machines: View<VirtualMachine>;
}

const zoneOfPod = ({ pods }: World, name: string): string | undefined => pods.get({ name })?.spec.zone;

function zoneOfHost(world: World, name: string): string | undefined {
  const host = world.hosts.get({ name });
  return host === undefined ? undefined : zoneOfPod(world, host.spec.pod);
}

function zoneOfPool(world: World, { spec }: StoragePool): string | undefined {
  const { zone, pod, host } = spec.scope;
  if (zone !== undefined) return zone;
  return pod === undefined ? zoneOfHost(world, host ?? '') : zoneOfPod(world, pod);
}

function hostInZone({ metadata, status }: Host): HostInZone {
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    ready: ready?.status === 'True',
    reason: ready?.reason ?? 'Pending',
    ...(status.capacity !== undefined && { capacity: status.capacity }),
    ...(status.allocatable !== undefined && { allocatable: status.allocatable }),
  };
}

function storageOf(pools: readonly StoragePool[]): ZoneFacts['storage'] {
  const sum = (bytes: (pool: StoragePool) => number): number => pools.reduce((total, pool) => total + bytes(pool), 0);
  const capacity = ({ status }: StoragePool): number => bytesOf(status.capacity ?? 0);
  return {
    capacityBytes: sum(capacity),
    allocatableBytes: sum((pool) => Math.floor((capacity(pool) * pool.spec.overcommitPercent) / 100)),
    provisionedBytes: sum(({ status }) => bytesOf(status.provisioned ?? 0)),
  };
}

function observe(world: World, name: string, { authority }: Round, identity: string): ZoneFacts {
  const pods = world.pods.list().filter(({ spec }) => spec.zone === name);
  const podNames = new Set(pods.map(({ metadata }) => metadata.name));
  const hosts = world.hosts.list().filter(({ spec }) => podNames.has(spec.pod));
  const pools = world.pools.list().filter((pool) => zoneOfPool(world, pool) === name);
  const machines = world.machines.list().filter(({ status }) => status.zone === name);
  const named = (objects: readonly ApiObject[]): string[] =>
    objects.map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`).sort();
  return {
    pods: [...podNames],
    hosts: hosts.map(hostInZone),
    storage: storageOf(pools),
    machines: machines
      .filter(({ status }) => status.host !== undefined)
      .map(({ spec }) => ({ cpus: spec.cpus, memoryBytes: bytesOf(spec.memory), storageBytes: 0 })),
    children: [...named(pods), ...named(pools.filter(({ spec }) => spec.scope.zone === name)), ...named(machines)],
    shard: { holder: identity, epoch: authority.epoch },
  };
}

/** Says what zones have and how they are; keeps a zone until nothing is in it. */
export function zoneController({ views, identity }: ZoneControllerOptions): Controller<Zone, ZoneFacts, ZoneStep, Planned<Zone['status']>> {
  const world: World = {
    pods: views.of<Pod>(PodKind),
    hosts: views.of<Host>(HostKind),
    pools: views.of<StoragePool>(StoragePoolKind),
    machines: views.of<VirtualMachine>(VirtualMachineKind),
  };
  const key = (name: string | undefined): readonly ObjectKey[] => (name === undefined ? [] : [{ name }]);
  return {
    kind: ZoneKind,
    finalizer: 'infra.lenticular.dev/zone',
    triggers: [
      { kind: PodKind, keysOf: (object) => key((object as unknown as Pod).spec.zone) },
      { kind: HostKind, keysOf: (object) => key(zoneOfPod(world, (object as unknown as Host).spec.pod)) },
      { kind: StoragePoolKind, keysOf: (object) => key(zoneOfPool(world, object as unknown as StoragePool)) },
      { kind: VirtualMachineKind, keysOf: (object) => key((object as unknown as VirtualMachine).status.zone) },
    ],
    shardOf: ({ metadata }) => metadata.name,
    endpointOf: () => undefined,
    observe: ({ metadata }, round) => Promise.resolve(observe(world, metadata.name, round, identity)),
    plan: planZone,
    take: () => Promise.resolve(),
  };
}
