import { fenceOver } from '../../apis/infra/v1alpha1/host/fence.ts';
import { HostKind } from '../../apis/infra/v1alpha1/host/kind.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../../apis/storage/v1alpha1/volume/kind.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Client } from '../../client/client.ts';
import type { DiskService, Operation } from '../../drivers/contract/disk.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { OpenSession, Sessions } from '../../drivers/contract/sessions.ts';
import type { Controller, Round, Views } from '../runtime/controller.ts';
import { ask, changing, checkIdentity, endpointOf, looking, openEndpoint, ownerOf, serviceOf } from '../runtime/device.ts';
import type { Answer } from '../runtime/device.ts';
import type { Adoptable, Holder, VolumeFacts, VolumeStatus, VolumeStep } from './plan-facts.ts';
import { planVolume } from './plan.ts';
import {
  adopterOf,
  claimHolds,
  clonedBy,
  hasHeard,
  isWorkedOn,
  offersFor,
  poolFactOf,
  sourceOf,
  wantingOf,
  worldOf,
  zoneOf,
} from './world.ts';
import type { World } from './world.ts';
import { triggersOf } from './triggers.ts';

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
  readonly adoptable?: Adoptable;
}

const shardOf = (world: World, volume: Volume): string => zoneOf(world, volume) ?? 'global';

const nameOf = ({ metadata }: Pick<ApiObject, 'metadata'>): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** Whether the disk that a volume takes in is there, and nobody's: what carries our tag is read anew, because on that it is taken away. */
async function adoptableOf(
  { client, world }: Parts,
  volume: Volume,
  disks: readonly Disk[],
  round: Round,
  signal: AbortSignal,
): Promise<Adoptable | undefined> {
  const id = volume.spec.adopt;
  if (id === undefined) return undefined;
  const found = disks.find((disk) => disk.id === id);
  if (found === undefined) {
    const adopter = adopterOf(world, volume, id);
    return adopter === undefined ? { state: 'absent' } : { state: 'managed', by: nameOf(adopter) };
  }
  const { owner, released, sizeBytes } = found;
  const ours = owner?.installation === round.authority.installation ? owner : undefined;
  const key = { namespace: ours?.namespace ?? '', name: ours?.name ?? '' };
  const holder = ours === undefined || released ? undefined : await client.get<Volume>(VolumeKind, key, signal);
  if (holder !== undefined && holder.metadata.uid === ours?.uid) return { state: 'managed', by: nameOf(holder) };
  if (ours !== undefined && ours.namespace !== volume.metadata.namespace) return { state: 'elsewhere', namespace: ours.namespace };
  return { state: 'there', from: owner?.uid ?? '', sizeBytes };
}

async function askPool(parts: Parts, volume: Volume, pool: StoragePool, round: Round, signal: AbortSignal): Promise<DiskFacts> {
  const { sessions } = parts;
  const found = await ask(async () => {
    const session = await openEndpoint(sessions, 'disk', pool, round.authority, signal);
    const context = looking(session, round);
    const disk = await serviceOf(session.driver.disk, 'disks').get(context, volume.metadata.uid, signal);
    const id = volume.status.operation;
    const asked = disk === undefined && id !== undefined;
    const operation = asked ? await serviceOf(session.driver.operation, 'operations').get(context, id, signal) : undefined;
    const takesIn = disk === undefined && volume.spec.adopt !== undefined && volume.status.volumeId === undefined;
    const disks = takesIn ? await serviceOf(session.driver.disk, 'disks').list(context, signal) : [];
    const adoptable = takesIn ? await adoptableOf(parts, volume, disks, round, signal) : undefined;
    return { disk, operation, capabilities: session.capabilities, adoptable };
  }, signal);
  if (!found.known) return { disk: found, capabilities: [] };
  const { disk, operation, capabilities, adoptable } = found.value;
  return {
    ...{ disk: { known: true, value: disk }, capabilities },
    ...(operation !== undefined && { operation }),
    ...(adoptable !== undefined && { adoptable }),
  };
}

async function askHolder(
  { world, client, sessions }: Parts,
  volume: Volume,
  round: Round,
  signal: AbortSignal,
): Promise<Holder | undefined> {
  const { claim } = volume.status;
  if (claim === undefined) return undefined;
  const seen = world.hosts.get({ name: claim.host });
  // A proof is read anew, because on that the claim falls.
  const host = seen?.status.fence === undefined ? seen : await client.get<Host>(HostKind, { name: claim.host }, signal);
  if (host === undefined) return { state: 'unknown', because: `Host ${claim.host} is gone` };
  if (fenceOver(host, claim.uid) !== undefined) return { state: 'free' };
  const answer = await ask(async () => {
    const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
    const machine = await serviceOf(session.driver.machine, 'machines').get(looking(session, round), claim.uid, signal);
    if (machine === undefined) await checkIdentity(session, host.status.hostId, round, signal);
    return { machine, canGrow: session.capabilities.includes('machine.grow-disk') };
  }, signal);
  if (!answer.known) return { state: 'unknown', because: answer.because };
  const { machine, canGrow } = answer.value;
  const holds = machine?.disks.some(({ uid }) => uid === volume.metadata.uid) === true;
  if (holds) return { state: 'holds', power: machine.power, canGrow, ...(isWorkedOn(world, volume) && { begun: true }) };
  if (hasHeard(world, volume, machine)) return { state: 'free' };
  // A call that gives the machine the disk may be under way, until the host has heard of a decision that refuses it.
  return { state: 'without', because: `Host ${claim.host} has not heard that VirtualMachine ${claim.virtualMachine} lets it go` };
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
    ...(round.refused !== undefined && { refused: round.refused }),
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
    case 'adopt':
      return disk.adopt(context, { id: step.id, owner, from: step.from }, signal);
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

/** Creates, grows, grants and deletes volumes. */
export function volumeController({
  views,
  client,
  sessions,
}: VolumeControllerOptions): Controller<Volume, VolumeFacts, VolumeStep, VolumeStatus> {
  const world = worldOf(views);
  const parts: Parts = { world, client, sessions };
  return {
    kind: VolumeKind,
    finalizer: 'storage.lenticular.dev/disk',
    triggers: triggersOf(world),
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
