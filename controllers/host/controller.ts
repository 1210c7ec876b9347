import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { coveringFence } from '../../apis/infra/v1alpha1/host/fence.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { MOST_LEASED } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { ZoneFailover } from '../../apis/infra/v1alpha1/zone/schema.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { strictestAllocation } from '../../apis/meta/allocation.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { conditionIn } from '../../apis/meta/condition.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { keyOf } from '../../client/client.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import { indexView, type ViewIndex } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import { BEAT_MS } from '../../drivers/contract/driver.ts';
import { DRIVER_ERROR_CODES } from '../../drivers/contract/driver-error.ts';
import type { HostLease } from '../../drivers/contract/lease.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import { orphansOf } from '../runtime/orphans.ts';
import { ask, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import type { Controller, Round, Trigger, Views } from '../runtime/controller.ts';
import { changedIn, declaredAnew, states, SUMMARY_MS } from '../runtime/trigger.ts';
import { copiesOn } from './copies.ts';
import { renewLease } from './lease.ts';
import { hasRunOut } from './plan-lease.ts';
import { planHost } from './plan.ts';
import type { HostAnswer, HostFacts, HostStatus, HostStep, PlacedVm } from './plan-facts.ts';
import { takeStep } from './take.ts';
import { createVigil } from './vigil.ts';
import type { Vigil } from './vigil.ts';

export interface HostControllerOptions {
  readonly views: Views;
  readonly client: Client;
  readonly sessions: Sessions;
  readonly clock: Clock;
  /** How long a leader may go on that has not heard yet that it is none any more; 15 s where it is not given. */
  readonly leaseMs?: number;
}

type Parts = Required<Omit<HostControllerOptions, 'views'>> & { readonly world: World; readonly vigil: Vigil };

interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly volumes: View<Volume>;
  readonly machines: View<VirtualMachine>;
  readonly podsByZone: ViewIndex<Pod>;
  readonly hostsByPod: ViewIndex<Host>;
  /** Those by which others are judged. */
  readonly witnessesByPod: ViewIndex<Host>;
  /** Those that are silent and not proven dead. */
  readonly silentByPod: ViewIndex<Host>;
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

const reachable = (host: Host) => conditionIn(host, 'Reachable');

/** Whether nobody answers for a host, by its object: not whether its driver can be asked at all. */
const isSaidSilent = (host: Host): boolean => reachable(host)?.status === 'False';

async function askDriver(parts: Parts, host: Host, round: Round, signal: AbortSignal): Promise<Answer<HostAnswer>> {
  return ask(async () => {
    // Of two objects for one machine the younger must not keep alive what the older one counts dead.
    const { hostId } = host.status;
    const isItself = hostId !== undefined && twinOf(parts.world, host, hostId) === undefined;
    const renew = async (): Promise<HostLease | undefined> => (isItself ? renewLease({ ...parts, host, round }, signal) : undefined);
    // First of all: what looks take, or that they fail, is no reason to let machines stop. Who is silent is looked at first.
    const renewed = isSaidSilent(host) ? undefined : await renew();
    const session = await openEndpoint(parts.sessions, 'machine', host, round.authority, signal);
    const observation = await serviceOf(session.driver.host, 'hosts').observe(looking(session, round), signal);
    const lease = renewed ?? (isSaidSilent(host) ? await renew() : undefined);
    const told = { ...(lease !== undefined && { lease }), ...(session.beats() && { beatMs: BEAT_MS }) };
    return { info: session.info, observation, capabilities: session.capabilities, ...told };
  }, signal);
}

const scheduledOf = (vm: VirtualMachine) => conditionIn(vm, 'Scheduled');

/** A VM that is placed on the host, and what it and its disks let be done with it. */
function placedVm({ volumes, pools }: World, host: Host, vm: VirtualMachine): PlacedVm {
  const { metadata, spec } = vm;
  const isStuck = spec.disks.some(({ volume }) => {
    const pool = volumes.get({ namespace: metadata.namespace ?? '', name: volume })?.status.pool;
    return pools.get({ name: pool ?? '' })?.spec.scope.host === host.metadata.name;
  });
  const scheduled = scheduledOf(vm);
  const isVerified = scheduled?.status === 'True';
  const leaving = metadata.deletionTimestamp !== undefined;
  const leaves = !spec.running || spec.onMaintenance === 'Restart' || !isVerified || leaving;
  return {
    uid: metadata.uid,
    name: nameOf(vm),
    ...{ cpus: spec.cpus, memoryBytes: bytesOf(spec.memory), storageBytes: 0 },
    reschedules: spec.running && spec.onHostFailure === 'Reschedule' && isVerified && !leaving && !isStuck,
    leaves: leaves && isVerified && scheduled.reason === 'NoCapacity' ? 'stuck' : leaves,
  };
}

function zoneOf({ pods, zones }: World, { spec }: Host): Zone | undefined {
  return zones.get({ name: pods.get({ name: spec.pod })?.spec.zone ?? '' });
}

function hostsIn({ podsByZone, hostsByPod }: World, zone: string): readonly Host[] {
  return podsByZone.of(zone).flatMap(({ metadata }) => hostsByPod.of(metadata.name));
}

/** Whether a host is one by which to judge whether another alone is silent: it is not proven dead, nor in maintenance, and can be asked. */
function isWitness(host: Host): boolean {
  return coveringFence(host) === undefined && !host.spec.maintenance && reachable(host)?.status !== 'Unknown';
}

/**
 * The witnesses in the zone, the host itself among them, and how many of them are silent: also those that have not answered since this one fell
 * silent. No more are counted than are more than half: where a zone is cut off, each of its hosts comes here again and again.
 */
function neighboursOf({ world, vigil }: Parts, host: Host, epoch: number, sinceMs: number): HostFacts['neighbours'] {
  const { uid, name } = host.metadata;
  const pods = world.podsByZone.of(zoneOf(world, host)?.metadata.name ?? '').map((pod) => pod.metadata.name);
  const seen = world.hosts.get({ name });
  const isCounted = seen?.metadata.uid === uid && pods.includes(seen.spec.pod) && isWitness(seen);
  const hosts = pods.reduce((sum, pod) => sum + world.witnessesByPod.count(pod), isCounted ? 0 : 1);
  let silent = 1;
  for (const pod of pods)
    for (const { metadata } of world.witnessesByPod.of(pod)) {
      if (silent * 2 > hosts) return { hosts, silent };
      if (metadata.uid !== uid && !vigil.answeredSince(metadata.uid, epoch, sinceMs)) silent += 1;
    }
  return { hosts, silent };
}

/** What is made of a silence: for how long nobody has answered, and who else is silent; nothing where somebody did, or could not be asked. */
function silenceOf(parts: Parts, host: Host, device: HostFacts['device'], epoch: number): Pick<HostFacts, 'silence' | 'neighbours'> {
  const { vigil, clock } = parts;
  const nowMs = clock.monotonic();
  const nobody = { neighbours: { hosts: 1, silent: 0 } };
  if (device === undefined || (!device.known && DRIVER_ERROR_CODES[device.code] === 'stop')) {
    vigil.forget(host.metadata.uid);
    return nobody;
  }
  const unheard = vigil.hear(host.metadata.uid, { epoch, silent: !device.known, nowMs });
  if (unheard === undefined) return nobody;
  const { sinceMs, offBoot } = unheard;
  // What the host has not told this leader, it may tell another, until that one has heard that it leads no more; what it has told, it tells no older one.
  const renewedMs = vigil.lastRenewal(host.metadata.uid, epoch)?.atMs ?? sinceMs + parts.leaseMs;
  const since = isSaidSilent(host) ? reachable(host)?.lastTransitionTime : undefined;
  const recordedMs = since === undefined ? 0 : clock.now() - Date.parse(since);
  return {
    silence: { recordedMs, witnessedMs: nowMs - sinceMs, unrenewedMs: nowMs - renewedMs, ...(offBoot !== undefined && { offBoot }) },
    neighbours: neighboursOf(parts, host, epoch, sinceMs),
  };
}

/** Whether another host of the zone is silent, as its object says, and not proven dead. */
function isBesideSilent(world: World, host: Host, zone: Zone): boolean {
  const isOther = (other: Host): boolean => other.metadata.uid !== host.metadata.uid;
  return world.podsByZone
    .of(zone.metadata.name)
    .some(({ metadata }) => world.silentByPod.count(metadata.name) > 0 && world.silentByPod.of(metadata.name).some(isOther));
}

/** Whether another host of the zone takes virtual machines now, as its object says. */
function hasRefuge(world: World, host: Host, zone: Zone): boolean {
  const takes = (other: Host): boolean => {
    const { metadata, spec, status } = other;
    const isElsewhere = metadata.uid !== host.metadata.uid;
    const isReady = status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
    const isFull = status.conditions.some(({ type, status: is }) => type === 'Full' && is === 'True');
    return isElsewhere && isReady && !isFull && !spec.maintenance && podOf(world, other)?.allocation === 'Enabled';
  };
  // Pod by pod: mostly the first has one.
  return world.podsByZone.of(zone.metadata.name).some(({ metadata }) => world.hostsByPod.of(metadata.name).some(takes));
}

/** What is on the host and does not belong there any more. */
async function leftOn(
  parts: Parts,
  host: Host,
  device: HostFacts['device'],
  round: Round,
  signal: AbortSignal,
): Promise<HostFacts['copies']> {
  if (device?.known !== true) return [];
  const { world, client } = parts;
  const { machines } = device.value.observation;
  const { installation } = round.authority;
  const returns = host.status.fence !== undefined || reachable(host)?.status !== 'True';
  return copiesOn({ host: host.metadata.name, machines, installation, returns }, world.machines, client, signal);
}

/** VMs placed on a host whose lease has run out, and whose machines were under it; the objects are read anew, because on that they run elsewhere. */
async function leasedOn(
  { client }: Parts,
  host: Host,
  placed: readonly VirtualMachine[],
  silence: HostFacts['silence'],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const known = host.status.fence?.machines ?? [];
  if (!hasRunOut(host, silence)) return new Set();
  const seen = placed.filter(({ metadata, status }) => status.leased === true && !known.includes(metadata.uid));
  const read = await Promise.all(
    seen.slice(0, MOST_LEASED - known.length).map((vm) => client.get<VirtualMachine>(VirtualMachineKind, keyOf(vm), signal)),
  );
  const leased = read.filter((vm, at) => vm?.metadata.uid === seen[at]?.metadata.uid && vm?.status.leased === true);
  return new Set(leased.flatMap((vm) => (vm?.status.host === host.metadata.name ? [vm.metadata.uid] : [])));
}

async function observe(parts: Parts, host: Host, round: Round, signal: AbortSignal): Promise<HostFacts> {
  const { world, client } = parts;
  const { name } = host.metadata;
  const pod = podOf(world, host);
  const zone = zoneOf(world, host);
  const placed = world.machinesByHost.of(name);
  const claimed = world.volumesByHost.of(name);
  const local = world.poolsByHost.of(name);
  const leaves = host.metadata.deletionTimestamp !== undefined && placed.length + claimed.length + local.length === 0;
  // A host that leaves is not asked: asking would open its session again.
  const device = pod === undefined || leaves ? undefined : await askDriver(parts, host, round, signal);
  const seen = device?.known === true ? device.value.observation.machines : [];
  const listed = seen.flatMap(({ owner }) => owner?.uid ?? []);
  const twin = device?.known === true ? twinOf(world, host, device.value.observation.hostId) : undefined;
  const silent = silenceOf(parts, host, device, round.authority.epoch);
  return {
    ...(pod !== undefined && { pod }),
    ...(zone !== undefined && { zone: { name: zone.metadata.name, failover: ZoneFailover.parse(zone.spec.failover) } }),
    ...(device !== undefined && { device }),
    ...silent,
    leased: await leasedOn(parts, host, placed, silent.silence, signal),
    besideSilent: zone !== undefined && isBesideSilent(world, host, zone),
    refuge: zone !== undefined && hasRefuge(world, host, zone),
    placed: placed.map((vm) => placedVm(world, host, vm)).sort((one, other) => (one.name < other.name ? -1 : 1)),
    copies: await leftOn(parts, host, device, round, signal),
    claimed: claimed.map(nameOf).sort(),
    pools: local.map(({ metadata }) => metadata.name).sort(),
    storageBytes: local.reduce((sum, { status }) => sum + bytesOf(status.provisioned ?? 0), 0),
    installation: round.authority.installation,
    // Read after the driver was asked: a machine that it lists was made for an object that the view has had time to see.
    machines: new Set(listed.filter((uid) => world.machinesByUid.of(uid).length > 0)),
    orphans: await orphansOf(client, VirtualMachineKind, { named: host.spec.collect, things: seen, round }, signal),
    ...(twin !== undefined && { twin }),
    ...(round.refused?.step === 'power-off' && { refused: round.refused.message }),
  };
}

function worldOf(views: Views): World {
  const pods = views.of<Pod>(PodKind);
  const hosts = views.of<Host>(HostKind);
  const pools = views.of<StoragePool>(StoragePoolKind);
  const volumes = views.of<Volume>(VolumeKind);
  const machines = views.of<VirtualMachine>(VirtualMachineKind);
  return {
    ...{ zones: views.of<Zone>(ZoneKind), pods, hosts, pools, volumes, machines },
    podsByZone: indexView(pods, ({ spec }) => [spec.zone]),
    hostsByPod: indexView(hosts, ({ spec }) => [spec.pod]),
    witnessesByPod: indexView(hosts, (host) => [isWitness(host) ? host.spec.pod : undefined]),
    silentByPod: indexView(hosts, (host) => [isSaidSilent(host) && coveringFence(host) === undefined ? host.spec.pod : undefined]),
    hostsById: indexView(hosts, ({ status }) => [status.hostId]),
    machinesByHost: indexView(machines, ({ status }) => [status.host]),
    machinesByUid: indexView(machines, ({ metadata }) => [metadata.uid]),
    volumesByHost: indexView(volumes, ({ status }) => [status.claim?.host]),
    poolsByHost: indexView(pools, ({ spec }) => [spec.scope.host]),
  };
}

const named = (name: string | undefined): readonly ObjectKey[] => (name === undefined ? [] : [{ name }]);

/** Hosts that a change of another object may matter to. */
function triggersOf(world: World): readonly Trigger[] {
  const inPod = (pod: string): readonly ObjectKey[] => world.hostsByPod.of(pod).map(keyOf);
  // One host's silence asks for a look at all of its zone: whether it alone is silent decides what is done.
  const besidesSilent = (object: ApiObject): readonly ObjectKey[] => {
    const host = object as unknown as Host;
    const zone = zoneOf(world, host);
    return zone === undefined || !isSaidSilent(host) ? [] : hostsIn(world, zone.metadata.name).map(keyOf);
  };
  return [
    { kind: ZoneKind, matters: declaredAnew, keysOf: ({ metadata }) => hostsIn(world, metadata.name).map(keyOf) },
    { kind: PodKind, matters: declaredAnew, keysOf: ({ metadata }) => inPod(metadata.name) },
    {
      kind: HostKind,
      matters: changedIn((object) => {
        const host = object as unknown as Host;
        return [host.status.fence, states(host)];
      }),
      keysOf: besidesSilent,
    },
    // Of two objects for one machine the older one counts: that it comes, goes or is another machine now decides about the younger.
    {
      kind: HostKind,
      matters: changedIn((object) => (object as unknown as Host).status.hostId),
      keysOf({ metadata, status }) {
        const { hostId = '' } = status as Host['status'];
        return world.hostsById.of(hostId).flatMap((host) => (host.metadata.uid === metadata.uid ? [] : [keyOf(host)]));
      },
    },
    {
      kind: StoragePoolKind,
      afterMs: SUMMARY_MS,
      matters: changedIn((object) => (object as unknown as StoragePool).status.provisioned),
      keysOf: (object) => named((object as unknown as StoragePool).spec.scope.host),
    },
    {
      kind: VolumeKind,
      afterMs: SUMMARY_MS,
      matters: changedIn((object) => (object as unknown as Volume).status.claim?.host),
      keysOf: (object) => named((object as unknown as Volume).status.claim?.host),
    },
    {
      kind: VirtualMachineKind,
      afterMs: SUMMARY_MS,
      matters: changedIn((object) => {
        const vm = object as unknown as VirtualMachine;
        return [vm.status.host, scheduledOf(vm)?.status, scheduledOf(vm)?.reason];
      }),
      keysOf: (object) => named((object as unknown as VirtualMachine).status.host),
    },
  ];
}

/**
 * Says what hosts have and how they are, proves silent ones dead where it may, and keeps a host until nothing is placed on it. Of machines it
 * touches only copies whose VMs have given up their place there, and orphans that a person gave up.
 */
export function hostController({
  views,
  client,
  sessions,
  clock,
  leaseMs = 15_000,
}: HostControllerOptions): Controller<Host, HostFacts, HostStep, HostStatus> {
  const world = worldOf(views);
  const parts: Parts = { world, client, sessions, clock, leaseMs, vigil: createVigil() };
  return {
    kind: HostKind,
    finalizer: 'infra.lenticular.dev/host',
    triggers: triggersOf(world),
    shardOf: ({ spec }) => {
      const zone = world.pods.get({ name: spec.pod })?.spec.zone;
      return zone === undefined || world.zones.get({ name: zone }) === undefined ? 'global' : zone;
    },
    endpointOf,
    observe: (host, round, signal) => observe(parts, host, round, signal),
    plan: planHost,
    take: (step, host, round, signal) => takeStep(step, { ...parts, host, round }, signal),
  };
}
