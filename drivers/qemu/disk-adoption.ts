import { rename } from 'node:fs/promises';
import type { Disk } from '../contract/disk.ts';
import { DriverError } from '../contract/driver-error.ts';
import { passObject, passTombstone } from '../contract/fence-check.ts';
import type { Adoption, MutationContext } from '../contract/fence.ts';
import { isDiskInUse } from './disk-access.ts';
import { diskFolder, findDisk, removeDisk, viewOfDisk, writeDisk, type KnownDisk } from './disk-record.ts';
import { checkOwnership } from './fence-guard.ts';
import type { PoolEndpoint } from './pool-endpoint.ts';

/** The disk that may be taken in: what the caller saw, and held by nobody. */
async function adoptable(pool: PoolEndpoint, { id, from }: Adoption, signal: AbortSignal): Promise<KnownDisk> {
  const disk = await findDisk(pool.dir, id, signal);
  const metadata = { uid: id };
  if (disk === undefined) throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', `the pool has no disk ${id}`, { metadata });
  if (disk.record.owner.uid !== from) {
    throw new DriverError('ALREADY_EXISTS', 'FOREIGN_OWNER', `the disk ${id} has another tag than was seen on it`, { metadata });
  }
  if (!(await isDiskInUse(disk.folder.image, pool.options.clock, signal))) return disk;
  throw new DriverError('FAILED_PRECONDITION', 'IN_USE', 'the disk is held by a machine', { metadata });
}

/** Removes the record that is left of a disk whose image moved, where a death kept it from going. */
async function removeLeftover(pool: PoolEndpoint, id: string, signal: AbortSignal): Promise<void> {
  const dead = (await pool.fences.tombstone(id, signal)) !== undefined && (await findDisk(pool.dir, id, signal)) === undefined;
  if (dead) await removeDisk(pool.dir, diskFolder(pool.dir, id), signal);
}

/**
 * Takes a disk in: its image moves, in whole, to the folder of its new owner, whose record is there before. Whoever dies in between leaves the disk
 * where it was or where it goes. Its old uid is buried first: nothing that is still under way for it makes another.
 */
export async function adoptDisk(pool: PoolEndpoint, context: MutationContext, adoption: Adoption, signal: AbortSignal): Promise<Disk> {
  const { id, owner } = adoption;
  if (owner.installation !== context.fence.installation) {
    const metadata = { field: 'owner.installation' };
    throw new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', 'owner.installation differs from the fence', { metadata });
  }
  const mine = await findDisk(pool.dir, owner.uid, signal);
  if (mine !== undefined) {
    checkOwnership(context.fence, mine.record);
    passObject(context.fence, mine.record.fence);
    await removeLeftover(pool, id, signal);
    return await viewOfDisk(mine, signal);
  }
  passTombstone('disk', context.fence, await pool.fences.tombstone(owner.uid, signal));
  using _held = pool.lock.hold(id);
  const { folder: before, record } = await adoptable(pool, adoption, signal);
  const folder = diskFolder(pool.dir, owner.uid);
  const fence = { ...passObject(context.fence), generation: 0 };
  await writeDisk({ folder, record: { ...record, owner, released: false, fence } }, signal);
  await pool.fences.bury(id, record.fence, pool.options.clock.now(), signal);
  await rename(before.image, folder.image);
  await removeDisk(pool.dir, before, signal);
  pool.changed(owner.uid);
  pool.changed(id);
  return await viewOfDisk({ folder, record: { ...record, owner, released: false, fence } }, signal);
}
