import type { Disk, DiskConnection, DiskService, Operation } from '../contract/disk.ts';
import { DriverError } from '../contract/driver-error.ts';
import { passObject, passTombstone, UNSEEN_OBJECT } from '../contract/fence-check.ts';
import type { Adoption, MutationContext, Owner } from '../contract/fence.ts';
import { checkBareName, checkBytes, checkOperationId, checkOwner, checkUid, fieldInvalid } from '../contract/names.ts';
import { adoptThing } from './adoption.ts';
import { holdersOf, PROTOCOL } from './attachments.ts';
import { diskDoc, diskDocs, operationDoc, passLeader, passServed, poolDoc, tombstone } from './documents.ts';
import type { DiskDoc, OperationDoc, PoolDoc } from './documents.ts';
import { checkOurs } from './machines.ts';
import { progressOf } from './operations.ts';
import type { Immediate, Sim } from './sim.ts';

/** What an empty disk takes. */
const EMPTY_BYTES = 2 ** 18;

function poolOf(sim: Sim, session: string): PoolDoc {
  const pool = poolDoc(sim.world, sim.sessions.endpoint(session, 'disk').uid);
  if (pool === undefined) throw new DriverError('UNAVAILABLE', 'SESSION_UNKNOWN', 'the pool of the session is gone: open it again');
  return pool;
}

function view({ seen, readyMs: _readyMs, ...disk }: DiskDoc): Disk {
  return { ...disk, generation: seen.generation };
}

function absent(uid: string): DriverError {
  return new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', `the pool has no disk ${uid}`, { metadata: { uid } });
}

function checkNew(context: MutationContext, owner: Owner, sizeBytes: number): void {
  checkOwner('owner', owner);
  checkBytes('sizeBytes', sizeBytes);
  if (owner.installation !== context.fence.installation) throw fieldInvalid('owner.installation', "must be the fence's installation");
}

function checkRoom(sim: Sim, pool: PoolDoc, bytes: number): void {
  const used = diskDocs(sim.world, pool.uid).reduce((sum, disk) => sum + disk.actualSizeBytes, 0);
  if (used + bytes <= pool.config.capacityBytes) return;
  throw new DriverError(
    'RESOURCE_EXHAUSTED',
    'NO_SPACE',
    `the pool has ${pool.config.capacityBytes - used} bytes left, and ${bytes} are needed`,
  );
}

/** The disk of this uid, where it is there; throws where it is another's, or still being filled. */
function ours(sim: Sim, pool: PoolDoc, uid: string, installation: string): DiskDoc | undefined {
  const found = diskDoc(sim.world, pool.uid, uid);
  if (found === undefined) return undefined;
  checkOurs('disk', found, installation);
  if (found.readyMs > sim.clock.now())
    throw new DriverError('ABORTED', 'OPERATION_PENDING', `the disk ${uid} is being filled`, { metadata: { uid } });
  return found;
}

function keep(sim: Sim, pool: PoolDoc, disk: DiskDoc): Disk {
  sim.world.put('disks', pool.uid, disk.id, disk);
  sim.changed('disk', pool.uid, disk.id);
  return view(disk);
}

function created(context: MutationContext, owner: Owner, size: Pick<DiskDoc, 'sizeBytes' | 'actualSizeBytes' | 'readyMs'>): DiskDoc {
  const seen = passObject(context.fence, UNSEEN_OBJECT);
  return { id: owner.uid, name: owner.name, owner, released: false, publishedTo: [], seen, ...size };
}

function ensure(sim: Sim, context: MutationContext, owner: Owner, sizeBytes: number): Disk {
  checkNew(context, owner, sizeBytes);
  const pool = poolOf(sim, context.session);
  return sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const found = ours(sim, pool, owner.uid, context.fence.installation);
    if (found === undefined) {
      passTombstone('disk', context.fence, tombstone(sim.world, pool.uid, owner.uid));
      checkRoom(sim, pool, EMPTY_BYTES);
      return keep(sim, pool, created(context, owner, { sizeBytes, actualSizeBytes: EMPTY_BYTES, readyMs: 0 }));
    }
    const seen = passObject(context.fence, found.seen);
    if (found.sizeBytes !== sizeBytes || JSON.stringify(found.owner) !== JSON.stringify(owner)) {
      throw new DriverError('ALREADY_EXISTS', 'OTHER_CONTENT', `the disk ${owner.uid} has another size or belongs to another object`, {
        metadata: { uid: owner.uid, sizeBytes: String(found.sizeBytes) },
      });
    }
    return JSON.stringify(seen) === JSON.stringify(found.seen) ? view(found) : keep(sim, pool, { ...found, seen });
  });
}

interface Fill {
  readonly owner: Owner;
  readonly sizeBytes: number;
  readonly operationId: string;
  /** What is copied, for a repeated id. */
  readonly from: string;
}

/** Begins to fill a new disk with what `sourceOf` says is there to copy; throws where the source is not there. */
function fill(
  sim: Sim,
  context: MutationContext,
  { owner, sizeBytes, operationId, from }: Fill,
  sourceOf: (pool: PoolDoc) => { size: number; actual: number },
): Operation {
  checkNew(context, owner, sizeBytes);
  checkOperationId('operationId', operationId);
  const pool = poolOf(sim, context.session);
  const asked = JSON.stringify([owner, sizeBytes, from]);
  return sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const nowMs = sim.clock.now();
    const known = operationDoc(sim.world, pool.uid, operationId);
    if (known?.asked === asked) return progressOf(known, nowMs);
    if (known !== undefined || ours(sim, pool, owner.uid, context.fence.installation) !== undefined) {
      const what = known === undefined ? `the disk ${owner.uid} is there` : `the operation ${operationId} is other work`;
      throw new DriverError('ALREADY_EXISTS', 'OTHER_CONTENT', what, { metadata: { uid: owner.uid } });
    }
    passTombstone('disk', context.fence, tombstone(sim.world, pool.uid, owner.uid));
    const { size, actual } = sourceOf(pool);
    if (sizeBytes < size)
      throw new DriverError('FAILED_PRECONDITION', 'SHRINK_REFUSED', `the source has ${size} bytes, and ${sizeBytes} are asked for`);
    checkRoom(sim, pool, actual);
    const endsMs = nowMs + Math.ceil((actual * 1000) / pool.config.copyBytesPerSecond);
    const operation: OperationDoc = { id: operationId, uid: owner.uid, asked, bytes: actual, startedMs: nowMs, endsMs, cancelled: false };
    sim.world.put('operations', pool.uid, operationId, operation);
    sim.world.put('disks', pool.uid, owner.uid, created(context, owner, { sizeBytes, actualSizeBytes: actual, readyMs: endsMs }));
    sim.changed('operation', pool.uid, owner.uid, [endsMs]);
    return progressOf(operation, nowMs);
  });
}

function imageOf(pool: PoolDoc, image: string): { size: number; actual: number } {
  const bytes = Object.hasOwn(pool.config.images, image) ? pool.config.images[image] : undefined;
  if (bytes === undefined) throw new DriverError('NOT_FOUND', 'IMAGE_NOT_FOUND', `the pool has no image ${image}`, { metadata: { image } });
  return { size: bytes, actual: bytes };
}

/** Runs `change` on a disk that is there, ours and filled, after its fence has passed. */
function changeDisk<T>(sim: Sim, context: MutationContext, uid: string, change: (disk: DiskDoc, pool: PoolDoc) => T): T {
  checkUid('uid', uid);
  const pool = poolOf(sim, context.session);
  return sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const found = ours(sim, pool, uid, context.fence.installation);
    if (found === undefined) throw absent(uid);
    return change(found, pool);
  });
}

function expand(sim: Sim, context: MutationContext, found: DiskDoc, pool: PoolDoc, sizeBytes: number): Disk {
  const seen = passObject(context.fence, found.seen);
  if (sizeBytes < found.sizeBytes) {
    throw new DriverError('FAILED_PRECONDITION', 'SHRINK_REFUSED', `the disk already has ${found.sizeBytes} bytes`, {
      metadata: { sizeBytes: String(found.sizeBytes) },
    });
  }
  if (holdersOf(sim, found.id, found.publishedTo).length > 0)
    throw new DriverError('FAILED_PRECONDITION', 'IN_USE', 'the disk is attached');
  return keep(sim, pool, { ...found, sizeBytes, seen });
}

function leave(sim: Sim, context: MutationContext, uid: string, how: 'delete' | 'release'): void {
  checkUid('uid', uid);
  const pool = poolOf(sim, context.session);
  sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const there = diskDoc(sim.world, pool.uid, uid);
    const grave = tombstone(sim.world, pool.uid, uid);
    if (there === undefined) {
      if (how === 'delete') sim.world.put('tombstones', pool.uid, uid, { ...passObject(context.fence, grave), atMs: sim.clock.now() });
      return;
    }
    if (how === 'release' && there.released) return;
    const found = ours(sim, pool, uid, context.fence.installation) ?? there;
    const seen = passObject(context.fence, found.seen);
    if (how === 'release') return void keep(sim, pool, { ...found, released: true, seen });
    if (found.publishedTo.length > 0) {
      throw new DriverError('FAILED_PRECONDITION', 'IN_USE', `the disk is published to ${found.publishedTo.join(', ')}`, {
        metadata: { uid },
      });
    }
    sim.world.remove('disks', pool.uid, uid);
    sim.world.put('tombstones', pool.uid, uid, { ...seen, atMs: sim.clock.now() });
    sim.changed('disk', pool.uid, uid);
  });
}

function publish(sim: Sim, context: MutationContext, found: DiskDoc, pool: PoolDoc, hostId: string): DiskConnection {
  passServed(sim.world, pool.uid, found.id, context.trace, context.fence);
  const { reachableFrom } = pool.config;
  if (reachableFrom !== undefined && !reachableFrom.includes(hostId)) throw fieldInvalid('hostId', 'does not reach the pool');
  if (!found.publishedTo.includes(hostId)) keep(sim, pool, { ...found, publishedTo: [...found.publishedTo, hostId] });
  return { protocol: PROTOCOL, attributes: { pool: pool.uid, disk: found.id } };
}

function unpublish(sim: Sim, context: MutationContext, uid: string, hostId: string): void {
  checkUid('uid', uid);
  const pool = poolOf(sim, context.session);
  sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const found = ours(sim, pool, uid, context.fence.installation);
    if (found === undefined) return;
    passServed(sim.world, pool.uid, uid, context.trace, context.fence);
    if (!found.publishedTo.includes(hostId)) return;
    const [holder] = holdersOf(sim, uid, [hostId]);
    if (holder !== undefined)
      throw new DriverError('FAILED_PRECONDITION', 'IN_USE', `the machine ${holder.machine} holds the disk`, { metadata: { uid } });
    keep(sim, pool, { ...found, publishedTo: found.publishedTo.filter((id) => id !== hostId) });
  });
}

function adopt(sim: Sim, context: MutationContext, adoption: Adoption): Disk {
  const pool = poolOf(sim, context.session);
  const place = {
    ...({ thing: 'disk', table: 'disks', place: pool.uid } as const),
    mine: (uid: string) => ours(sim, pool, uid, context.fence.installation),
    find(id: string): DiskDoc {
      const found = diskDoc(sim.world, pool.uid, id);
      if (found === undefined || found.readyMs > sim.clock.now()) throw absent(id);
      const [holder] = holdersOf(sim, id, found.publishedTo);
      if (holder === undefined) return found;
      throw new DriverError('FAILED_PRECONDITION', 'IN_USE', `the machine ${holder.machine} holds the disk`, { metadata: { uid: id } });
    },
  };
  return adoptThing(sim.world, context, adoption, place, { keep: (disk) => keep(sim, pool, disk), view, nowMs: sim.clock.now() });
}

/** All disks of a pool that are ready. */
export function disksIn(sim: Sim, poolUid: string): readonly Disk[] {
  const nowMs = sim.clock.now();
  return diskDocs(sim.world, poolUid)
    .filter(({ readyMs }) => readyMs <= nowMs)
    .map(view);
}

/** Disks of simulated pools. */
export function simDisks(sim: Sim): Immediate<DiskService> {
  return {
    ensure: (context, { owner, sizeBytes }) => ensure(sim, context, owner, sizeBytes),
    import(context, { image, ...disk }) {
      checkBareName('image', image);
      return fill(sim, context, { ...disk, from: `image ${image}` }, (pool) => imageOf(pool, image));
    },
    clone(context, { sourceUid, ...disk }) {
      checkUid('sourceUid', sourceUid);
      return fill(sim, context, { ...disk, from: `disk ${sourceUid}` }, (pool) => {
        const source = ours(sim, pool, sourceUid, context.fence.installation);
        if (source === undefined) throw absent(sourceUid);
        return { size: source.sizeBytes, actual: source.actualSizeBytes };
      });
    },
    expand(context, { uid, sizeBytes }) {
      checkBytes('sizeBytes', sizeBytes);
      return changeDisk(sim, context, uid, (found, pool) => expand(sim, context, found, pool, sizeBytes));
    },
    delete: (context, uid) => leave(sim, context, uid, 'delete'),
    release: (context, uid) => leave(sim, context, uid, 'release'),
    get({ session }, uid) {
      checkUid('uid', uid);
      const found = diskDoc(sim.world, poolOf(sim, session).uid, uid);
      return found === undefined || found.readyMs > sim.clock.now() ? undefined : view(found);
    },
    list: ({ session }) => disksIn(sim, poolOf(sim, session).uid),
    publish(context, { uid, hostId }) {
      checkBareName('hostId', hostId);
      return changeDisk(sim, context, uid, (found, pool) => publish(sim, context, found, pool, hostId));
    },
    unpublish(context, { uid, hostId }) {
      checkBareName('hostId', hostId);
      unpublish(sim, context, uid, hostId);
    },
    adopt: (context, adoption) => adopt(sim, context, adoption),
  };
}
