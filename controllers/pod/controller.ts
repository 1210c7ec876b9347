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
import { keyOf } from '../../client/client.ts';
import type { ObjectKey } from '../../client/client.ts';
import type { View } from '../../client/view.ts';
import type { Controller, Views } from '../runtime/controller.ts';
import type { Planned } from '../runtime/plan.ts';
import { planPod } from './plan.ts';
import type { HostInPod, PodFacts, PodStep } from './plan.ts';

interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly machines: View<VirtualMachine>;
}

function hostInPod({ metadata, status }: Host): HostInPod {
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    ready: ready?.status === 'True',
    reason: ready?.reason ?? 'Pending',
    ...(status.capacity !== undefined && { capacity: status.capacity }),
    ...(status.allocatable !== undefined && { allocatable: status.allocatable }),
  };
}

function storageOf(pools: readonly StoragePool[]): PodFacts['storage'] {
  const sum = (bytes: (pool: StoragePool) => number): number => pools.reduce((total, pool) => total + bytes(pool), 0);
  const capacity = ({ status }: StoragePool): number => bytesOf(status.capacity ?? 0);
  return {
    capacityBytes: sum(capacity),
    allocatableBytes: sum((pool) => Math.floor((capacity(pool) * pool.spec.overcommitPercent) / 100)),
    provisionedBytes: sum(({ status }) => bytesOf(status.provisioned ?? 0)),
  };
}

function observe(world: World, { metadata, spec }: Pod): PodFacts {
  const { name } = metadata;
  const hosts = world.hosts.list().filter((host) => host.spec.pod === name);
  const hostNames = new Set(hosts.map((host) => host.metadata.name));
  const pools = world.pools.list().filter(({ spec: { scope } }) => scope.pod === name || hostNames.has(scope.host ?? ''));
  const machines = world.machines.list().filter(({ status }) => hostNames.has(status.host ?? ''));
  const named = (objects: readonly ApiObject[]): string[] => objects.map((object) => `${object.kind} ${object.metadata.name}`).sort();
  return {
    zoneExists: world.zones.get({ name: spec.zone }) !== undefined,
    hosts: hosts.map(hostInPod),
    storage: storageOf(pools),
    machines: machines.map((machine) => ({ cpus: machine.spec.cpus, memoryBytes: bytesOf(machine.spec.memory), storageBytes: 0 })),
    children: [...named(hosts), ...named(pools.filter((pool) => pool.spec.scope.pod === name))],
  };
}

/** The pod that an object is in, by the host it names. */
function podOfHost({ hosts }: World, host: string | undefined): readonly ObjectKey[] {
  const found = host === undefined ? undefined : hosts.get({ name: host });
  return found === undefined ? [] : [{ name: found.spec.pod }];
}

function podOfPool(world: World, { spec: { scope } }: StoragePool): readonly ObjectKey[] {
  return scope.pod === undefined ? podOfHost(world, scope.host) : [{ name: scope.pod }];
}

/** Says what pods (racks) have and how they are; keeps a pod until nothing is in it. */
export function podController({ views }: { readonly views: Views }): Controller<Pod, PodFacts, PodStep, Planned<Pod['status']>> {
  const world: World = {
    zones: views.of<Zone>(ZoneKind),
    pods: views.of<Pod>(PodKind),
    hosts: views.of<Host>(HostKind),
    pools: views.of<StoragePool>(StoragePoolKind),
    machines: views.of<VirtualMachine>(VirtualMachineKind),
  };
  const ofZone = (name: string): readonly ObjectKey[] =>
    world.pods
      .list()
      .filter(({ spec }) => spec.zone === name)
      .map(keyOf);
  return {
    kind: PodKind,
    finalizer: 'infra.lenticular.dev/pod',
    triggers: [
      { kind: ZoneKind, keysOf: (object) => ofZone(object.metadata.name) },
      { kind: HostKind, keysOf: (object) => [{ name: (object as unknown as Host).spec.pod }] },
      { kind: StoragePoolKind, keysOf: (object) => podOfPool(world, object as unknown as StoragePool) },
      { kind: VirtualMachineKind, keysOf: (object) => podOfHost(world, (object as unknown as VirtualMachine).status.host) },
    ],
    shardOf: ({ spec }) => (world.zones.get({ name: spec.zone }) === undefined ? 'global' : spec.zone),
    endpointOf: () => undefined,
    observe: (pod) => Promise.resolve(observe(world, pod)),
    plan: planPod,
    take: () => Promise.resolve(),
  };
}
