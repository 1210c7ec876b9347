import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { lameOf, lamePodOf, offerOf } from '../../apis/infra/v1alpha1/host/offer.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { amountsOf, totalOf } from '../../apis/meta/amounts.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { storageOf, storedIn } from '../../apis/storage/v1alpha1/storage-pool/storage.ts';
import { keyOf } from '../../client/client.ts';
import type { ObjectKey } from '../../client/client.ts';
import { indexView, sumView, type ViewIndex, type ViewSum } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import type { Controller, Views } from '../runtime/controller.ts';
import type { Planned } from '../runtime/plan.ts';
import { changedIn, declaredAnew, SUMMARY_MS } from '../runtime/trigger.ts';
import { planPod } from './plan.ts';
import type { PodFacts, PodStep } from './plan.ts';

interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  /** By pod. */
  readonly hostsIn: ViewIndex<Host>;
  readonly lameIn: ViewIndex<Host>;
  readonly capacity: ViewSum;
  readonly allocatable: ViewSum;
  /** VMs by host. */
  readonly placed: ViewSum;
}

function worldOf(views: Views): World {
  const hosts = views.of<Host>(HostKind);
  const machines = views.of<VirtualMachine>(VirtualMachineKind);
  return {
    ...{ zones: views.of<Zone>(ZoneKind), pods: views.of<Pod>(PodKind), hosts, pools: views.of<StoragePool>(StoragePoolKind) },
    hostsIn: indexView(hosts, ({ spec }) => [spec.pod]),
    lameIn: indexView(hosts, (host) => [lamePodOf(host)]),
    capacity: sumView(hosts, ({ spec, status }) => ({ key: spec.pod, amounts: amountsOf(status.capacity) })),
    allocatable: sumView(hosts, ({ spec, status }) => ({ key: spec.pod, amounts: amountsOf(status.allocatable) })),
    placed: sumView(machines, ({ spec, status }) => {
      const amounts = { cpus: spec.cpus, memoryBytes: bytesOf(spec.memory), storageBytes: 0 };
      return status.host === undefined ? undefined : { key: status.host, amounts };
    }),
  };
}

function observe(world: World, { metadata, spec }: Pod): PodFacts {
  const { name } = metadata;
  const hosts = world.hostsIn.of(name);
  const hostNames = new Set(hosts.map((host) => host.metadata.name));
  const pools = world.pools.list().filter(({ spec: { scope } }) => scope.pod === name || hostNames.has(scope.host ?? ''));
  const named = (objects: readonly ApiObject[]): string[] => objects.map((object) => `${object.kind} ${object.metadata.name}`).sort();
  return {
    zoneExists: world.zones.get({ name: spec.zone }) !== undefined,
    hosts: {
      count: hosts.length,
      lame: world.lameIn.of(name).map(lameOf),
      capacity: world.capacity.of(name).amounts,
      allocatable: world.allocatable.of(name).amounts,
    },
    storage: storageOf(pools),
    machines: totalOf(hosts.map((host) => world.placed.of(host.metadata.name))),
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
  const world = worldOf(views);
  const podsIn = indexView(world.pods, ({ spec }) => [spec.zone]);
  return {
    kind: PodKind,
    finalizer: 'infra.lenticular.dev/pod',
    triggers: [
      { kind: ZoneKind, matters: declaredAnew, keysOf: ({ metadata }) => podsIn.of(metadata.name).map(keyOf) },
      {
        kind: HostKind,
        matters: changedIn((object) => offerOf(object as unknown as Host)),
        keysOf: (object) => [{ name: (object as unknown as Host).spec.pod }],
      },
      {
        kind: StoragePoolKind,
        afterMs: SUMMARY_MS,
        matters: changedIn((object) => storedIn(object as unknown as StoragePool)),
        keysOf: (object) => podOfPool(world, object as unknown as StoragePool),
      },
      {
        kind: VirtualMachineKind,
        afterMs: SUMMARY_MS,
        matters: changedIn((object) => (object as unknown as VirtualMachine).status.host),
        keysOf: (object) => podOfHost(world, (object as unknown as VirtualMachine).status.host),
      },
    ],
    shardOf: ({ spec }) => (world.zones.get({ name: spec.zone }) === undefined ? 'global' : spec.zone),
    endpointOf: () => undefined,
    observe: (pod) => Promise.resolve(observe(world, pod)),
    plan: planPod,
    take: () => Promise.resolve(),
  };
}
