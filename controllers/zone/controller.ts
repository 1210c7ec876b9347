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
import { amountsOf, totalOf, type Sum } from '../../apis/meta/amounts.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { storageOf, storedIn } from '../../apis/storage/v1alpha1/storage-pool/storage.ts';
import type { ObjectKey } from '../../client/client.ts';
import { indexView, sumView, type ViewIndex, type ViewSum } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import type { Planned } from '../runtime/plan.ts';
import { changedIn, declaredAnew, SUMMARY_MS } from '../runtime/trigger.ts';
import { planZone } from './plan.ts';
import type { ZoneFacts, ZoneStep } from './plan.ts';

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
  readonly podsIn: ViewIndex<Pod>;
  /** By pod. */
  readonly lameIn: ViewIndex<Host>;
  readonly capacity: ViewSum;
  readonly allocatable: ViewSum;
  /** VMs that have a place, by zone. */
  readonly placed: ViewSum;
}

function worldOf(views: Views): World {
  const pods = views.of<Pod>(PodKind);
  const hosts = views.of<Host>(HostKind);
  const machines = views.of<VirtualMachine>(VirtualMachineKind);
  return {
    ...{ pods, hosts, pools: views.of<StoragePool>(StoragePoolKind), machines },
    podsIn: indexView(pods, ({ spec }) => [spec.zone]),
    lameIn: indexView(hosts, (host) => [lamePodOf(host)]),
    capacity: sumView(hosts, ({ spec, status }) => ({ key: spec.pod, amounts: amountsOf(status.capacity) })),
    allocatable: sumView(hosts, ({ spec, status }) => ({ key: spec.pod, amounts: amountsOf(status.allocatable) })),
    placed: sumView(machines, ({ spec, status: { zone, host } }) => {
      const amounts = { cpus: spec.cpus, memoryBytes: bytesOf(spec.memory), storageBytes: 0 };
      return zone === undefined || host === undefined ? undefined : { key: zone, amounts };
    }),
  };
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

/** What must go before the zone can; asked only when it shall go. */
function childrenOf(world: World, name: string, pods: readonly Pod[], pools: readonly StoragePool[]): readonly string[] {
  const machines = world.machines.list().filter(({ status }) => status.zone === name);
  const named = (objects: readonly ApiObject[]): string[] =>
    objects.map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`).sort();
  return [...named(pods), ...named(pools.filter(({ spec }) => spec.scope.zone === name)), ...named(machines)];
}

function observe(world: World, { metadata }: Zone, { authority }: Round, identity: string): ZoneFacts {
  const { name } = metadata;
  const pods = world.podsIn.of(name);
  const pools = world.pools.list().filter((pool) => zoneOfPool(world, pool) === name);
  const inPods = (sum: ViewSum): Sum => totalOf(pods.map((pod) => sum.of(pod.metadata.name)));
  const lame = pods.flatMap((pod) => world.lameIn.of(pod.metadata.name));
  const { count, amounts: capacity } = inPods(world.capacity);
  return {
    pods: pods.length,
    hosts: {
      ...{ count, capacity, allocatable: inPods(world.allocatable).amounts },
      lame: lame.map(lameOf),
    },
    storage: storageOf(pools),
    machines: world.placed.of(name),
    children: metadata.deletionTimestamp === undefined ? [] : childrenOf(world, name, pods, pools),
    shard: { holder: identity, epoch: authority.epoch },
  };
}

/** Says what zones have and how they are; keeps a zone until nothing is in it. */
export function zoneController({ views, identity }: ZoneControllerOptions): Controller<Zone, ZoneFacts, ZoneStep, Planned<Zone['status']>> {
  const world = worldOf(views);
  const key = (name: string | undefined): readonly ObjectKey[] => (name === undefined ? [] : [{ name }]);
  return {
    kind: ZoneKind,
    finalizer: 'infra.lenticular.dev/zone',
    triggers: [
      { kind: PodKind, matters: declaredAnew, keysOf: (object) => key((object as unknown as Pod).spec.zone) },
      {
        kind: HostKind,
        matters: changedIn((object) => offerOf(object as unknown as Host)),
        keysOf: (object) => key(zoneOfPod(world, (object as unknown as Host).spec.pod)),
      },
      {
        kind: StoragePoolKind,
        afterMs: SUMMARY_MS,
        matters: changedIn((object) => storedIn(object as unknown as StoragePool)),
        keysOf: (object) => key(zoneOfPool(world, object as unknown as StoragePool)),
      },
      {
        kind: VirtualMachineKind,
        afterMs: SUMMARY_MS,
        matters: changedIn((object) => {
          const { zone, host } = (object as unknown as VirtualMachine).status;
          return [zone, host];
        }),
        keysOf: (object) => key((object as unknown as VirtualMachine).status.zone),
      },
    ],
    shardOf: ({ metadata }) => metadata.name,
    endpointOf: () => undefined,
    observe: (zone, round) => Promise.resolve(observe(world, zone, round, identity)),
    plan: planZone,
    take: () => Promise.resolve(),
  };
}
