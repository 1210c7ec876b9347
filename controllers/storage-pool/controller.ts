import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { strictestAllocation } from '../../apis/meta/allocation.ts';
import type { Allocation } from '../../apis/meta/fields.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { keyOf } from '../../client/client.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import { indexView, type ViewIndex } from '../../client/view-index.ts';
import type { View } from '../../client/view.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Trigger, Views } from '../runtime/controller.ts';
import { orphansOf } from '../runtime/orphans.ts';
import { ask, changing, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Planned } from '../runtime/plan.ts';
import { changedIn, declaredAnew, SUMMARY_MS } from '../runtime/trigger.ts';
import { planStoragePool } from './plan.ts';
import type { StoragePoolFacts } from './plan-facts.ts';
import type { StoragePoolStep } from './plan.ts';

export interface StoragePoolControllerOptions {
  readonly views: Views;
  readonly client: Client;
  readonly sessions: Sessions;
}

interface World {
  readonly zones: View<Zone>;
  readonly pods: View<Pod>;
  readonly hosts: View<Host>;
  readonly pools: View<StoragePool>;
  readonly volumes: View<Volume>;
  /** By the pool that they are in, or name. */
  readonly volumesByPool: ViewIndex<Volume>;
  readonly volumesByUid: ViewIndex<Volume>;
  /** By what their scope names, as `zone NAME`, `pod NAME` or `host NAME`. */
  readonly poolsByScope: ViewIndex<StoragePool>;
  readonly podsByZone: ViewIndex<Pod>;
  readonly hostsByPod: ViewIndex<Host>;
}

/** The zone that a pool is in; undefined while something between is missing. */
function zoneOf({ zones, pods, hosts }: World, { spec: { scope } }: StoragePool): string | undefined {
  const pod = scope.pod ?? hosts.get({ name: scope.host ?? '' })?.spec.pod;
  const zone = scope.zone ?? pods.get({ name: pod ?? '' })?.spec.zone;
  return zones.get({ name: zone ?? '' }) === undefined ? undefined : zone;
}

/** The strictest allocation of a pool and what it is in. */
function allocationOf({ zones, pods, hosts }: World, { spec }: StoragePool): Allocation {
  const host = hosts.get({ name: spec.scope.host ?? '' });
  const pod = pods.get({ name: spec.scope.pod ?? host?.spec.pod ?? '' });
  const zone = zones.get({ name: spec.scope.zone ?? pod?.spec.zone ?? '' });
  return strictestAllocation([spec, ...[host, pod, zone].flatMap((parent) => parent?.spec ?? [])].map(({ allocation }) => allocation));
}

interface Parts {
  readonly world: World;
  readonly client: Client;
  readonly sessions: Sessions;
}

async function observe(
  { world, client, sessions }: Parts,
  pool: StoragePool,
  round: Round,
  signal: AbortSignal,
): Promise<StoragePoolFacts> {
  const { name } = pool.metadata;
  const users = world.volumesByPool.of(name);
  const scopeExists = zoneOf(world, pool) !== undefined;
  const leaves = pool.metadata.deletionTimestamp !== undefined && users.length === 0;
  // A pool that leaves is not asked: asking would open its session again.
  const device =
    !scopeExists || leaves
      ? undefined
      : await ask(async () => {
          const session = await openEndpoint(sessions, 'disk', pool, round.authority, signal);
          return serviceOf(session.driver.pool, 'pools').observe(looking(session, round), signal);
        }, signal);
  const seen = device?.known === true ? device.value.disks : [];
  const listed = seen.flatMap(({ owner }) => owner?.uid ?? []);
  return {
    scopeExists,
    allocation: allocationOf(world, pool),
    ...(device !== undefined && { device }),
    provisionedBytes: users
      .filter(({ status }) => status.pool === name)
      .reduce((sum, { spec, status }) => sum + Math.max(bytesOf(spec.size), bytesOf(status.size ?? 0)), 0),
    users: users.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`).sort(),
    // Read after the driver was asked: a disk that it lists was made for an object that the view has had time to see.
    volumes: new Set(listed.filter((uid) => world.volumesByUid.of(uid).length > 0)),
    installation: round.authority.installation,
    orphans: await orphansOf(client, VolumeKind, { named: pool.spec.collect, things: seen, round }, signal),
  };
}

async function take({ sessions }: Parts, step: StoragePoolStep, pool: StoragePool, round: Round, signal: AbortSignal): Promise<void> {
  if (step.do === 'forget') return sessions.close(pool.metadata.uid, signal);
  const session = await openEndpoint(sessions, 'disk', pool, round.authority, signal);
  const disks = serviceOf(session.driver.disk, 'disks');
  const { uid, generation } = step;
  const context = changing(session, round, { metadata: { ...pool.metadata, generation }, cause: step.do });
  if (step.do === 'delete-orphan') return disks.delete(context, uid, signal);
  await disks.unpublish(context, { uid, hostId: step.hostId }, signal);
}

function worldOf(views: Views): World {
  const pods = views.of<Pod>(PodKind);
  const hosts = views.of<Host>(HostKind);
  const pools = views.of<StoragePool>(StoragePoolKind);
  const volumes = views.of<Volume>(VolumeKind);
  return {
    ...{ zones: views.of<Zone>(ZoneKind), pods, hosts, pools, volumes },
    volumesByPool: indexView(volumes, ({ spec, status }) => [status.pool ?? spec.storagePool]),
    volumesByUid: indexView(volumes, ({ metadata }) => [metadata.uid]),
    poolsByScope: indexView(pools, ({ spec }) => Object.entries(spec.scope).map(([kind, name]) => `${kind} ${name}`)),
    podsByZone: indexView(pods, ({ spec }) => [spec.zone]),
    hostsByPod: indexView(hosts, ({ spec }) => [spec.pod]),
  };
}

/** Pools that a change of another object may matter to: of what they are in, also what that is in. */
function triggersOf({ poolsByScope, podsByZone, hostsByPod }: World): readonly Trigger[] {
  const onHost = (host: string): readonly ObjectKey[] => poolsByScope.of(`host ${host}`).map(keyOf);
  const inPod = (pod: string): readonly ObjectKey[] => [
    ...poolsByScope.of(`pod ${pod}`).map(keyOf),
    ...hostsByPod.of(pod).flatMap(({ metadata }) => onHost(metadata.name)),
  ];
  const inZone = (zone: string): readonly ObjectKey[] => [
    ...poolsByScope.of(`zone ${zone}`).map(keyOf),
    ...podsByZone.of(zone).flatMap(({ metadata }) => inPod(metadata.name)),
  ];
  return [
    { kind: ZoneKind, matters: declaredAnew, keysOf: ({ metadata }) => inZone(metadata.name) },
    { kind: PodKind, matters: declaredAnew, keysOf: ({ metadata }) => inPod(metadata.name) },
    { kind: HostKind, matters: declaredAnew, keysOf: ({ metadata }) => onHost(metadata.name) },
    {
      kind: VolumeKind,
      afterMs: SUMMARY_MS,
      matters: changedIn((object) => {
        const { pool, size, volumeId } = (object as unknown as Volume).status;
        return [pool, size, volumeId];
      }),
      keysOf(object) {
        const { spec, status } = object as unknown as Volume;
        const name = status.pool ?? spec.storagePool;
        return name === undefined ? [] : [{ name }];
      },
    },
  ];
}

/** Says what storage pools hold and how they are, and keeps a pool until no volume is in it; touches no disk but orphans that a person gave up. */
export function storagePoolController({
  views,
  client,
  sessions,
}: StoragePoolControllerOptions): Controller<StoragePool, StoragePoolFacts, StoragePoolStep, Planned<StoragePool['status']>> {
  const world = worldOf(views);
  const parts: Parts = { world, client, sessions };
  return {
    kind: StoragePoolKind,
    finalizer: 'storage.lenticular.dev/pool',
    triggers: triggersOf(world),
    shardOf: (pool) => zoneOf(world, pool) ?? 'global',
    endpointOf,
    observe: (pool, round, signal) => observe(parts, pool, round, signal),
    plan: planStoragePool,
    take: (step, pool, round, signal) => take(parts, step, pool, round, signal),
  };
}
