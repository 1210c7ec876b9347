import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { strictestAllocation } from '../../apis/meta/allocation.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { keyOf } from '../../client/client.ts';
import type { ObjectKey } from '../../client/client.ts';
import { indexView, type ViewIndex } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import { ask, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import { changedIn, declaredAnew } from '../runtime/trigger.ts';
import type { Planned } from '../runtime/plan.ts';
import { planHost } from './plan.ts';
import type { HostAnswer, HostFacts } from './plan-facts.ts';
import type { HostStep } from './plan.ts';

export interface HostControllerOptions {
  readonly views: Views;
  readonly sessions: Sessions;
}

interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly volumes: View<Volume>;
  readonly machines: View<VirtualMachine>;
  /** By what each names, so that no round of a host looks at all objects. */
  readonly hostsById: ViewIndex<Host>;
  readonly machinesByHost: ViewIndex<VirtualMachine>;
  readonly machinesByUid: ViewIndex<VirtualMachine>;
  readonly volumesByHost: ViewIndex<Volume>;
  readonly poolsByHost: ViewIndex<StoragePool>;
}

const nameOf = ({ metadata }: VirtualMachine | Volume): string => `${metadata.namespace ?? ''}/${metadata.name}`;

function podOf({ pods, zones }: World, { spec }: Host): HostFacts['pod'] {
  const pod = pods.get({ name: spec.pod });
  if (pod === undefined) return undefined;
  const { cpuPercent, memoryPercent } = pod.spec.overcommit;
  const zone = zones.get({ name: pod.spec.zone });
  const parents = [pod.spec.allocation, ...(zone === undefined ? [] : [zone.spec.allocation])];
  return { cpuPercent, memoryPercent, allocation: strictestAllocation([spec.allocation, ...parents]) };
}

/** The oldest other Host object with this id; only an older one makes this one the duplicate. */
function twinOf({ hostsById }: World, { metadata }: Host, hostId: string): string | undefined {
  const age = (host: { readonly metadata: Host['metadata'] }): string => `${host.metadata.creationTimestamp} ${host.metadata.uid}`;
  const twins = hostsById.of(hostId).filter((other) => other.metadata.uid !== metadata.uid);
  const older = twins.filter((other) => age(other) < age({ metadata }));
  return older.sort((one, other) => (age(one) < age(other) ? -1 : 1))[0]?.metadata.name;
}

async function askDriver(sessions: Sessions, host: Host, round: Round, signal: AbortSignal): Promise<Answer<HostAnswer>> {
  return ask(async () => {
    const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
    const observation = await serviceOf(session.driver.host, 'hosts').observe(looking(session, round), signal);
    return { info: session.info, observation, capabilities: session.capabilities };
  }, signal);
}

async function observe(world: World, sessions: Sessions, host: Host, round: Round, signal: AbortSignal): Promise<HostFacts> {
  const { name } = host.metadata;
  const pod = podOf(world, host);
  const placed = world.machinesByHost.of(name);
  const claimed = world.volumesByHost.of(name);
  const local = world.poolsByHost.of(name);
  const leaves = host.metadata.deletionTimestamp !== undefined && placed.length + claimed.length + local.length === 0;
  // A host that leaves is not asked: asking would open its session again.
  const device = pod === undefined || leaves ? undefined : await askDriver(sessions, host, round, signal);
  const listed = device?.known === true ? device.value.observation.machines.flatMap(({ owner }) => owner?.uid ?? []) : [];
  const twin = device?.known === true ? twinOf(world, host, device.value.observation.hostId) : undefined;
  return {
    ...(pod !== undefined && { pod }),
    ...(device !== undefined && { device }),
    placed: placed
      .map((machine) => ({ name: nameOf(machine), cpus: machine.spec.cpus, memoryBytes: bytesOf(machine.spec.memory), storageBytes: 0 }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    claimed: claimed.map(nameOf).sort(),
    pools: local.map(({ metadata }) => metadata.name).sort(),
    storageBytes: local.reduce((sum, { status }) => sum + bytesOf(status.provisioned ?? 0), 0),
    installation: round.authority.installation,
    // Read after the driver was asked: a machine that it lists was made for an object that the view has had time to see.
    machines: new Set(listed.filter((uid) => world.machinesByUid.of(uid).length > 0)),
    ...(twin !== undefined && { twin }),
  };
}

function worldOf(views: Views): World {
  const hosts = views.of<Host>(HostKind);
  const pools = views.of<StoragePool>(StoragePoolKind);
  const volumes = views.of<Volume>(VolumeKind);
  const machines = views.of<VirtualMachine>(VirtualMachineKind);
  return {
    ...{ zones: views.of<Zone>(ZoneKind), pods: views.of<Pod>(PodKind), hosts, pools, volumes, machines },
    hostsById: indexView(hosts, ({ status }) => [status.hostId]),
    machinesByHost: indexView(machines, ({ status }) => [status.host]),
    machinesByUid: indexView(machines, ({ metadata }) => [metadata.uid]),
    volumesByHost: indexView(volumes, ({ status }) => [status.claim?.host]),
    poolsByHost: indexView(pools, ({ spec }) => [spec.scope.host]),
  };
}

const named = (name: string | undefined): readonly ObjectKey[] => (name === undefined ? [] : [{ name }]);

/** Says what hosts have and how they are, and keeps a host until nothing is placed on it; never touches a machine. */
export function hostController({ views, sessions }: HostControllerOptions): Controller<Host, HostFacts, HostStep, Planned<Host['status']>> {
  const world = worldOf(views);
  const hostsIn = indexView(world.hosts, ({ spec }) => [spec.pod]);
  const podsIn = indexView(world.pods, ({ spec }) => [spec.zone]);
  const inPod = (pod: string): readonly ObjectKey[] => hostsIn.of(pod).map(keyOf);
  return {
    kind: HostKind,
    finalizer: 'infra.lenticular.dev/host',
    triggers: [
      {
        kind: ZoneKind,
        matters: declaredAnew,
        keysOf: ({ metadata }) => podsIn.of(metadata.name).flatMap((pod) => inPod(pod.metadata.name)),
      },
      { kind: PodKind, matters: declaredAnew, keysOf: ({ metadata }) => inPod(metadata.name) },
      {
        kind: StoragePoolKind,
        matters: changedIn((object) => (object as unknown as StoragePool).status.provisioned),
        keysOf: (object) => named((object as unknown as StoragePool).spec.scope.host),
      },
      {
        kind: VolumeKind,
        matters: changedIn((object) => (object as unknown as Volume).status.claim?.host),
        keysOf: (object) => named((object as unknown as Volume).status.claim?.host),
      },
      {
        kind: VirtualMachineKind,
        matters: changedIn((object) => (object as unknown as VirtualMachine).status.host),
        keysOf: (object) => named((object as unknown as VirtualMachine).status.host),
      },
    ],
    shardOf: ({ spec }) => {
      const zone = world.pods.get({ name: spec.pod })?.spec.zone;
      return zone === undefined || world.zones.get({ name: zone }) === undefined ? 'global' : zone;
    },
    endpointOf,
    observe: (host, round, signal) => observe(world, sessions, host, round, signal),
    plan: planHost,
    // Its only step is to forget the endpoint.
    take: (_step, host, _round, signal) => sessions.close(host.metadata.uid, signal),
  };
}
