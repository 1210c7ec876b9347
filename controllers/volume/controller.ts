import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import { PodKind } from '../../apis/infra/v1alpha1/pod/kind.ts';
import { ZoneKind } from '../../apis/infra/v1alpha1/zone/kind.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { StoragePoolKind } from '../../apis/storage/v1alpha1/storage-pool/kind.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { keyOf } from '../../client/client.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import { cacheKey } from '../../client/reflector.ts';
import { indexView } from '../../client/view-index.ts';
import type { ViewChange } from '../../client/view.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { changedIn, declaredAnew, states } from '../runtime/trigger.ts';
import type { DiskService, Operation } from '../../drivers/contract/disk.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { OpenSession, Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import { ask, changing, checkIdentity, endpointOf, looking, openEndpoint, ownerOf, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import type { Holder, VolumeFacts, VolumeStatus, VolumeStep } from './plan-facts.ts';
import { planVolume } from './plan.ts';
import { claimHolds, clonedBy, offersFor, poolFactOf, sourceOf, wantingOf, worldOf, zoneOf } from './world.ts';
import type { World } from './world.ts';

export interface VolumeControllerOptions {
  readonly views: Views;
  readonly client: Client;
  readonly sessions: Sessions;
}

type Parts = Omit<VolumeControllerOptions, 'views'> & { readonly world: World };

interface DiskFacts {
  readonly disk?: Answer<Disk | undefined>;
  readonly capabilities: readonly string[];
  readonly operation?: Operation;
}

const shardOf = (world: World, volume: Volume): string => zoneOf(world, volume) ?? 'global';

async function askPool({ sessions }: Parts, volume: Volume, pool: StoragePool, round: Round, signal: AbortSignal): Promise<DiskFacts> {
  const found = await ask(async () => {
    const session = await openEndpoint(sessions, 'disk', pool, round.authority, signal);
    const context = looking(session, round);
    const disk = await serviceOf(session.driver.disk, 'disks').get(context, volume.metadata.uid, signal);
    const id = volume.status.operation;
    const asked = disk === undefined && id !== undefined;
    const operation = asked ? await serviceOf(session.driver.operation, 'operations').get(context, id, signal) : undefined;
    return { disk, operation, capabilities: session.capabilities };
  }, signal);
  if (!found.known) return { disk: found, capabilities: [] };
  const { disk, operation, capabilities } = found.value;
  return { disk: { known: true, value: disk }, capabilities, ...(operation !== undefined && { operation }) };
}

async function askHolder({ world, sessions }: Parts, volume: Volume, round: Round, signal: AbortSignal): Promise<Holder | undefined> {
  const { claim } = volume.status;
  if (claim === undefined) return undefined;
  const host = world.hosts.get({ name: claim.host });
  if (host === undefined) return { state: 'unknown', because: `Host ${claim.host} is gone` };
  const answer = await ask(async () => {
    const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
    const machine = await serviceOf(session.driver.machine, 'machines').get(looking(session, round), claim.uid, signal);
    if (machine === undefined) await checkIdentity(session, host.status.hostId, round, signal);
    return { machine, canGrow: session.capabilities.includes('machine.grow-disk') };
  }, signal);
  if (!answer.known) return { state: 'unknown', because: answer.because };
  const { machine, canGrow } = answer.value;
  const holds = machine?.disks.some(({ uid }) => uid === volume.metadata.uid) === true;
  return holds ? { state: 'holds', power: machine.power, canGrow } : { state: 'free' };
}

async function observe(parts: Parts, volume: Volume, round: Round, signal: AbortSignal): Promise<VolumeFacts> {
  const { world, client } = parts;
  const { metadata, spec, status } = volume;
  if (shardOf(world, volume) !== round.authority.shard) {
    throw new ApiError('Conflict', `Volume ${metadata.name} is decided about in another shard now`);
  }
  const chosen = status.pool === undefined ? undefined : world.pools.get({ name: status.pool });
  const unasked: DiskFacts = { capabilities: [] };
  const [asked, holder] = await Promise.all([
    chosen === undefined ? unasked : askPool(parts, volume, chosen, round, signal),
    askHolder(parts, volume, round, signal),
  ]);
  // Before the first call that makes the disk: whoever claimed room in the pool before us is in the view.
  if (asked.disk?.known === true && asked.disk.value === undefined) await world.volumes.reached(metadata.resourceVersion, signal);
  const from = spec.source?.volume;
  const source = from === undefined ? undefined : { namespace: metadata.namespace ?? '', name: from };
  const filling = source !== undefined && status.pool !== undefined && status.volumeId === undefined;
  const cloned = clonedBy(world, volume);
  const claimHostId = world.hosts.get({ name: status.claim?.host ?? '' })?.status.hostId;
  return {
    offers: status.pool === undefined ? offersFor(world, volume).map((pool) => poolFactOf(world, volume, pool)) : [],
    ...(chosen !== undefined && { pool: poolFactOf(world, volume, chosen) }),
    ...asked,
    ...(filling && { source: sourceOf(await client.get<Volume>(VolumeKind, source, signal), volume) }),
    wanting: wantingOf(world, volume),
    claimHolds: claimHolds(world, volume),
    ...(holder !== undefined && { holder }),
    ...(claimHostId !== undefined && { claimHostId }),
    ...(cloned !== undefined && { clonedBy: cloned }),
    ...(round.refused !== undefined && { refused: round.refused.message }),
  };
}

async function perform(step: VolumeStep, session: OpenSession, volume: Volume, round: Round, signal: AbortSignal): Promise<unknown> {
  const { uid } = volume.metadata;
  const disk: DiskService = serviceOf(session.driver.disk, 'disks');
  const context = changing(session, round, { metadata: volume.metadata, cause: step.do });
  const owner = ownerOf(round.authority, volume);
  switch (step.do) {
    case 'create':
      return disk.ensure(context, { owner, sizeBytes: step.sizeBytes }, signal);
    case 'import': {
      const { sizeBytes, image, operationId } = step;
      return disk.import(context, { owner, sizeBytes, image, operationId }, signal);
    }
    case 'clone': {
      const { sizeBytes, sourceUid, operationId } = step;
      return disk.clone(context, { owner, sizeBytes, sourceUid, operationId }, signal);
    }
    case 'expand':
      return disk.expand(context, { uid, sizeBytes: step.sizeBytes }, signal);
    case 'unpublish':
      return disk.unpublish(context, { uid, hostId: step.hostId }, signal);
    case 'cancel':
      return serviceOf(session.driver.operation, 'operations').cancel(context, step.operationId, signal);
    case 'delete':
      return disk.delete(context, uid, signal);
    case 'release':
      return disk.release(context, uid, signal);
  }
}

async function take({ world, sessions }: Parts, step: VolumeStep, volume: Volume, round: Round, signal: AbortSignal): Promise<void> {
  const name = volume.status.pool ?? '';
  const pool = world.pools.get({ name });
  if (pool === undefined) throw new DriverError('UNAVAILABLE', 'BACKEND', `StoragePool ${name} is gone`);
  const session = await openEndpoint(sessions, 'disk', pool, round.authority, signal);
  await perform(step, session, volume, round, signal);
}

/** No pool has this name. */
const ANY_POOL = '*';

/** What of a pool its volumes act on; how much is promised of it is summed up from the volumes themselves. */
function capacityAndStates(object: ApiObject): unknown {
  const pool = object as unknown as StoragePool;
  return [pool.status.capacity, states(pool)];
}

function idAndStates(object: ApiObject): unknown {
  const host = object as unknown as Host;
  return [host.status.hostId, states(host)];
}

/** Whether less of a pool is promised than before: what waits for room may have it. */
function isFreed({ old, object }: ViewChange<ApiObject>): boolean {
  const promisedOf = (pool: ApiObject): number => bytesOf((pool as unknown as StoragePool).status.provisioned ?? 0);
  return old !== undefined && object !== undefined && promisedOf(object) < promisedOf(old);
}

/** Volumes that a change of another object may matter to. */
function dependents(
  world: World,
): Record<'ofPool' | 'waitingFor' | 'ofHost' | 'ofMachine' | 'ofVolume' | 'waiting', (object: ApiObject) => readonly ObjectKey[]> {
  const those = (fits: (volume: Volume) => boolean): readonly ObjectKey[] => world.volumes.list().filter(fits).map(keyOf);
  const inPool = indexView(world.volumes, ({ spec, status }) => [status.pool ?? spec.storagePool ?? ANY_POOL]);
  const heldOn = indexView(world.volumes, ({ status }) => [status.claim?.host]);
  const heldBy = indexView(world.volumes, ({ status }) => [status.claim?.uid]);
  const isReady = ({ status }: Volume): boolean => status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  return {
    ofPool: ({ metadata: { name } }) => [...inPool.of(name), ...inPool.of(ANY_POOL)].map(keyOf),
    waitingFor: ({ metadata: { name } }) => [...inPool.of(name), ...inPool.of(ANY_POOL)].filter((volume) => !isReady(volume)).map(keyOf),
    ofHost: ({ metadata: { name } }) => heldOn.of(name).map(keyOf),
    ofMachine: (object) => {
      const { metadata, spec } = object as unknown as VirtualMachine;
      const listed = spec.disks.map(({ volume }) => ({ namespace: metadata.namespace ?? '', name: volume }));
      return [...listed.filter((key) => world.volumes.get(key) !== undefined), ...heldBy.of(metadata.uid).map(keyOf)];
    },
    ofVolume: (object) => {
      const { metadata, spec } = object as unknown as Volume;
      const from = spec.source?.volume;
      const source = from === undefined ? [] : [{ namespace: metadata.namespace ?? '', name: from }];
      const fed = world.volumesBySource.of(cacheKey(metadata)).filter(({ status }) => status.volumeId === undefined);
      return [...source, ...fed.map(keyOf)];
    },
    waiting: () => those((volume) => !isReady(volume)),
  };
}

/** Creates, grows, grants and deletes volumes. */
export function volumeController({
  views,
  client,
  sessions,
}: VolumeControllerOptions): Controller<Volume, VolumeFacts, VolumeStep, VolumeStatus> {
  const world = worldOf(views);
  const parts: Parts = { world, client, sessions };
  const { ofPool, waitingFor, ofHost, ofMachine, ofVolume, waiting } = dependents(world);
  return {
    kind: VolumeKind,
    finalizer: 'storage.lenticular.dev/disk',
    triggers: [
      { kind: StoragePoolKind, matters: changedIn(capacityAndStates), keysOf: ofPool },
      { kind: StoragePoolKind, matters: isFreed, keysOf: waitingFor },
      { kind: HostKind, matters: changedIn(idAndStates), keysOf: ofHost },
      { kind: VirtualMachineKind, keysOf: ofMachine },
      { kind: VolumeKind, keysOf: ofVolume },
      { kind: ZoneKind, matters: declaredAnew, keysOf: waiting },
      { kind: PodKind, matters: declaredAnew, keysOf: waiting },
    ],
    shardOf: (volume) => shardOf(world, volume),
    endpointOf({ spec, status }) {
      const pool = world.pools.get({ name: status.pool ?? spec.storagePool ?? '' });
      return pool && endpointOf(pool);
    },
    observe: (volume, round, signal) => observe(parts, volume, round, signal),
    plan: planVolume,
    take: (step, volume, round, signal) => take(parts, step, volume, round, signal),
  };
}
