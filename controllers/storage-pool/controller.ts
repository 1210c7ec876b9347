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
import type { Controller, Round, Views } from '../runtime/controller.ts';
import { orphansOf } from '../runtime/orphans.ts';
import { ask, changing, endpointOf, looking, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { Planned } from '../runtime/plan.ts';
import { changedIn, declaredAnew } from '../runtime/trigger.ts';
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

/** Says what storage pools hold and how they are, and keeps a pool until no volume is in it; touches no disk but orphans that a person gave up. */
export function storagePoolController({
  views,
  client,
  sessions,
}: StoragePoolControllerOptions): Controller<StoragePool, StoragePoolFacts, StoragePoolStep, Planned<StoragePool['status']>> {
  const volumes = views.of<Volume>(VolumeKind);
  const world: World = {
    ...{ zones: views.of<Zone>(ZoneKind), pods: views.of<Pod>(PodKind), hosts: views.of<Host>(HostKind) },
    ...{ pools: views.of<StoragePool>(StoragePoolKind), volumes },
    volumesByPool: indexView(volumes, ({ spec, status }) => [status.pool ?? spec.storagePool]),
    volumesByUid: indexView(volumes, ({ metadata }) => [metadata.uid]),
  };
  const parts: Parts = { world, client, sessions };
  const inScope = (fits: (scope: StoragePool['spec']['scope']) => boolean): readonly ObjectKey[] =>
    world.pools
      .list()
      .filter(({ spec }) => fits(spec.scope))
      .map(keyOf);
  const ofVolume = ({ spec, status }: Volume): readonly ObjectKey[] => {
    const name = status.pool ?? spec.storagePool;
    return name === undefined ? [] : [{ name }];
  };
  return {
    kind: StoragePoolKind,
    finalizer: 'storage.lenticular.dev/pool',
    triggers: [
      { kind: ZoneKind, matters: declaredAnew, keysOf: ({ metadata }) => inScope(({ zone }) => zone === metadata.name) },
      { kind: PodKind, matters: declaredAnew, keysOf: ({ metadata }) => inScope(({ pod }) => pod === metadata.name) },
      { kind: HostKind, matters: declaredAnew, keysOf: ({ metadata }) => inScope(({ host }) => host === metadata.name) },
      {
        kind: VolumeKind,
        matters: changedIn((object) => {
          const { pool, size, volumeId } = (object as unknown as Volume).status;
          return [pool, size, volumeId];
        }),
        keysOf: (object) => ofVolume(object as unknown as Volume),
      },
    ],
    shardOf: (pool) => zoneOf(world, pool) ?? 'global',
    endpointOf,
    observe: (pool, round, signal) => observe(parts, pool, round, signal),
    plan: planStoragePool,
    take: (step, pool, round, signal) => take(parts, step, pool, round, signal),
  };
}
