import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk, DiskConnection, DiskService, Operation, OperationService } from '../contract/disk.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { CallContext, MutationContext, Owner } from '../contract/fence.ts';
import { passObject, passTombstone } from '../contract/fence-check.ts';
import { checkBareName, checkBytes, checkFence, checkOperationId, checkOwner, checkThingId, checkUid } from '../contract/names.ts';
import { isDiskInUse } from './disk-access.ts';
import { adoptDisk } from './disk-adoption.ts';
import { driveFill, listFills, operationOf, readFill, writeFill, type FillRecord } from './disk-fill.ts';
import { findImage, qemuImg, wholeSectors, type ImageSource } from './disk-image.ts';
import { diskFolder, findDisk, listDisks, removeDisk, viewOfDisk, writeDisk, type DiskRecord, type KnownDisk } from './disk-record.ts';
import { checkOwnership } from './fence-guard.ts';
import { canonical } from './machine-spec.ts';
import type { PoolEndpoint } from './pool-endpoint.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { isAbsent } from '../serve/record-file.ts';

/** Gives the pool of a call's session; UNAVAILABLE where it is not open, or draining. */
export type FindPool = (context: CallContext) => PoolEndpoint;

interface NewDisk {
  readonly owner: Owner;
  readonly sizeBytes: number;
}

function inUse(uid: string, why: string): DriverError {
  return new DriverError('FAILED_PRECONDITION', 'IN_USE', `the disk is ${why}`, { metadata: { uid } });
}

async function known(pool: PoolEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<KnownDisk | undefined> {
  const disk = await findDisk(pool.dir, uid, signal);
  return disk === undefined ? undefined : obey(disk, context, signal);
}

async function obey(disk: KnownDisk, context: MutationContext, signal: AbortSignal): Promise<KnownDisk> {
  checkOwnership(context.fence, disk.record);
  return remember(disk, { fence: passObject(context.fence, disk.record.fence) }, signal);
}

/** The disk for a call that serves a machine: its generations are the machine's, and say nothing about the disk. */
async function ours(pool: PoolEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<KnownDisk | undefined> {
  const disk = await findDisk(pool.dir, uid, signal);
  if (disk !== undefined) checkOwnership(context.fence, disk.record);
  return disk;
}

async function required(pool: PoolEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<KnownDisk> {
  const disk = await known(pool, context, uid, signal);
  if (disk === undefined) throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', 'the pool has no such disk', { metadata: { uid } });
  return disk;
}

async function remember(disk: KnownDisk, change: Partial<DiskRecord>, signal: AbortSignal): Promise<KnownDisk> {
  const record = { ...disk.record, ...change };
  if (canonical(record) === canonical(disk.record)) return disk;
  await writeDisk({ ...disk, record }, signal);
  return { ...disk, record };
}

async function requireFree(pool: PoolEndpoint, disk: KnownDisk, signal: AbortSignal): Promise<void> {
  if (await isDiskInUse(disk.folder.image, pool.options.clock, signal)) throw inUse(disk.record.owner.uid, 'held by a machine');
}

/** The disk that is there already, if it is the one described; ALREADY_EXISTS where it is another. */
async function existing(
  pool: PoolEndpoint,
  context: MutationContext,
  wanted: NewDisk,
  signal: AbortSignal,
): Promise<KnownDisk | undefined> {
  if (wanted.owner.installation !== context.fence.installation) {
    throw new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', 'owner.installation differs from the fence', {
      metadata: { field: 'owner.installation' },
    });
  }
  const disk = await findDisk(pool.dir, wanted.owner.uid, signal);
  if (disk === undefined) {
    passTombstone('disk', context.fence, await pool.fences.tombstone(wanted.owner.uid, signal));
    return undefined;
  }
  if (canonical(disk.record.owner) !== canonical(wanted.owner)) {
    throw new DriverError('ALREADY_EXISTS', 'FOREIGN_OWNER', 'the disk belongs to another object', { metadata: { uid: wanted.owner.uid } });
  }
  const { virtualSizeBytes } = await readQcow2Header(disk.folder.image, signal);
  if (virtualSizeBytes !== wholeSectors(wanted.sizeBytes)) {
    throw new DriverError('ALREADY_EXISTS', 'OTHER_CONTENT', `the disk exists with ${virtualSizeBytes} bytes`, {
      metadata: { uid: wanted.owner.uid },
    });
  }
  return obey(disk, context, signal);
}

async function ensure(pool: PoolEndpoint, context: MutationContext, wanted: NewDisk, signal: AbortSignal): Promise<Disk> {
  const there = await existing(pool, context, wanted, signal);
  if (there !== undefined) return viewOfDisk(there, signal);
  await refuseDuringFill(pool, wanted.owner.uid, signal);
  const folder = diskFolder(pool.dir, wanted.owner.uid);
  const record: DiskRecord = { schema: 1, owner: wanted.owner, released: false, fence: passObject(context.fence), publishedTo: [] };
  await writeDisk({ folder, record }, signal);
  const part = join(folder.path, 'new.part');
  await rm(part, { force: true });
  await qemuImg(['create', '-q', '-f', 'qcow2', part, String(wholeSectors(wanted.sizeBytes))], pool.options.clock, signal);
  await rename(part, folder.image);
  pool.changed(wanted.owner.uid);
  return viewOfDisk({ folder, record }, signal);
}

async function runningFill(pool: PoolEndpoint, uid: string, signal: AbortSignal): Promise<FillRecord | undefined> {
  return (await listFills(pool, signal)).find((fill) => fill.owner.uid === uid && fill.state === 'running');
}

async function refuseDuringFill(pool: PoolEndpoint, uid: string, signal: AbortSignal): Promise<void> {
  const fill = await runningFill(pool, uid, signal);
  if (fill === undefined) return;
  throw new DriverError('ABORTED', 'OPERATION_PENDING', 'the disk is being filled', {
    metadata: { uid, operation: fill.id },
    retryAfterMs: 1000,
  });
}

async function begin(
  pool: PoolEndpoint,
  context: MutationContext,
  wanted: NewDisk & { readonly operationId: string },
  { signal, source }: { readonly signal: AbortSignal; readonly source: () => Promise<ImageSource> },
): Promise<Operation> {
  const before = await readFill(pool.dir, wanted.operationId, signal);
  if (before !== undefined) {
    if (before.owner.uid === wanted.owner.uid) return operationOf(pool, before, signal);
    throw new DriverError('ALREADY_EXISTS', 'OTHER_CONTENT', 'the operation id belongs to another disk', {
      metadata: { operation: before.id },
    });
  }
  const there = await existing(pool, context, wanted, signal);
  await refuseDuringFill(pool, wanted.owner.uid, signal);
  const from = await source();
  const sizeBytes = wholeSectors(wanted.sizeBytes);
  if (from.sizeBytes > sizeBytes) {
    throw new DriverError(
      'INVALID_ARGUMENT',
      'FIELD_INVALID',
      `sizeBytes: the source has ${from.sizeBytes} bytes, and a disk is never cut`,
      { metadata: { field: 'sizeBytes' } },
    );
  }
  const shared = {
    schema: 1,
    id: wanted.operationId,
    owner: wanted.owner,
    sizeBytes,
    source: from,
    fence: passObject(context.fence),
    attempts: 0,
  } as const;
  const fill: FillRecord =
    there === undefined ? { ...shared, state: 'running' } : { ...shared, state: 'succeeded', endedAtMs: pool.options.clock.now() };
  await writeFill(pool.dir, fill, signal);
  if (fill.state === 'running') driveFill(pool, fill);
  return operationOf(pool, fill, signal);
}

async function cloneSource(pool: PoolEndpoint, sourceUid: string, signal: AbortSignal): Promise<ImageSource> {
  const disk = await findDisk(pool.dir, sourceUid, signal);
  if (disk === undefined)
    throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', 'the pool has no such source', { metadata: { uid: sourceUid } });
  await requireFree(pool, disk, signal);
  const { virtualSizeBytes } = await readQcow2Header(disk.folder.image, signal);
  return { path: disk.folder.image, format: 'qcow2', sizeBytes: virtualSizeBytes };
}

async function expand(pool: PoolEndpoint, disk: KnownDisk, sizeBytes: number, signal: AbortSignal): Promise<Disk> {
  const { virtualSizeBytes } = await readQcow2Header(disk.folder.image, signal);
  const size = wholeSectors(sizeBytes);
  const { uid } = disk.record.owner;
  if (size < virtualSizeBytes) {
    throw new DriverError('FAILED_PRECONDITION', 'SHRINK_REFUSED', `the disk has ${virtualSizeBytes} bytes and never shrinks`, {
      metadata: { uid },
    });
  }
  if (size > virtualSizeBytes) {
    await requireFree(pool, disk, signal);
    await qemuImg(['resize', '-q', '-f', 'qcow2', disk.folder.image, String(size)], pool.options.clock, signal);
    pool.changed(uid);
  }
  return viewOfDisk(disk, signal);
}

async function remove(pool: PoolEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<void> {
  const fill = await runningFill(pool, uid, signal);
  if (fill !== undefined) {
    checkOwnership(context.fence, { owner: fill.owner, released: false });
    passObject(context.fence, fill.fence);
    await cancelFill(pool, fill);
  }
  const disk = await known(pool, context, uid, signal);
  if (disk !== undefined && disk.record.publishedTo.length > 0) throw inUse(uid, `published to ${disk.record.publishedTo.join(', ')}`);
  if (disk !== undefined) await requireFree(pool, disk, signal);
  await pool.fences.bury(uid, disk?.record.fence ?? passObject(context.fence), pool.options.clock.now(), signal);
  await removeDisk(pool.dir, diskFolder(pool.dir, uid), signal);
  if (disk !== undefined) pool.changed(uid);
}

async function cancelFill(pool: PoolEndpoint, fill: FillRecord): Promise<void> {
  const runner = driveFill(pool, fill);
  runner.cancel.abort(new DriverError('ABORTED', 'OPERATION_PENDING', 'the operation was cancelled'));
  await runner.ended;
}

async function release(pool: PoolEndpoint, context: MutationContext, uid: string, signal: AbortSignal): Promise<void> {
  const disk = await findDisk(pool.dir, uid, signal);
  if (disk === undefined || (disk.record.released && disk.record.owner.installation === context.fence.installation)) return;
  checkOwnership(context.fence, disk.record);
  await remember(disk, { fence: passObject(context.fence, disk.record.fence), released: true }, signal);
  pool.changed(uid);
}

async function publish(pool: PoolEndpoint, disk: KnownDisk | undefined, hostId: string, signal: AbortSignal): Promise<DiskConnection> {
  if (disk === undefined) throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', 'the pool has no such disk');
  await remember(disk, { publishedTo: [...new Set([...disk.record.publishedTo, hostId])].sort() }, signal);
  pool.changed(disk.record.owner.uid);
  return { protocol: 'file-qcow2', attributes: { path: disk.folder.image } };
}

async function unpublish(pool: PoolEndpoint, disk: KnownDisk | undefined, hostId: string, signal: AbortSignal): Promise<void> {
  if (!disk?.record.publishedTo.includes(hostId)) return;
  await requireFree(pool, disk, signal);
  await remember(disk, { publishedTo: disk.record.publishedTo.filter((other) => other !== hostId) }, signal);
  pool.changed(disk.record.owner.uid);
}

type Alone = <T>(context: MutationContext, uid: string, signal: AbortSignal, work: (pool: PoolEndpoint) => Promise<T>) => Promise<T>;

function aloneIn(find: FindPool): Alone {
  return async (context, uid, signal, work) => {
    const pool = find(context);
    checkFence('fence', context.fence);
    checkUid('uid', uid);
    using _held = pool.lock.hold(uid);
    await pool.fences.admit(context.fence, signal);
    return await work(pool);
  };
}

function checkNewDisk(disk: NewDisk & { readonly operationId?: string }): void {
  checkOwner('owner', disk.owner);
  checkBytes('sizeBytes', disk.sizeBytes);
  if (disk.operationId !== undefined) checkOperationId('operationId', disk.operationId);
}

/** The disks of the pools that `find` gives. */
export function createDiskService(find: FindPool): DiskService {
  const alone = aloneIn(find);
  return {
    async ensure(context, disk, signal) {
      checkNewDisk(disk);
      return alone(context, disk.owner.uid, signal, (pool) => ensure(pool, context, disk, signal));
    },
    async import(context, disk, signal) {
      checkNewDisk(disk);
      checkBareName('image', disk.image);
      return alone(context, disk.owner.uid, signal, (pool) =>
        begin(pool, context, disk, { signal, source: () => findImage(pool.config.imagesDir, disk.image, signal) }),
      );
    },
    async clone(context, disk, signal) {
      checkNewDisk(disk);
      checkUid('sourceUid', disk.sourceUid);
      return alone(context, disk.owner.uid, signal, (pool) =>
        begin(pool, context, disk, { signal, source: () => cloneSource(pool, disk.sourceUid, signal) }),
      );
    },
    async expand(context, { uid, sizeBytes }, signal) {
      checkBytes('sizeBytes', sizeBytes);
      return alone(context, uid, signal, async (pool) => expand(pool, await required(pool, context, uid, signal), sizeBytes, signal));
    },
    delete: (context, uid, signal) => alone(context, uid, signal, (pool) => remove(pool, context, uid, signal)),
    release: (context, uid, signal) => alone(context, uid, signal, (pool) => release(pool, context, uid, signal)),
    async get(context, uid, signal) {
      checkUid('uid', uid);
      const disk = await findDisk(find(context).dir, uid, signal);
      return disk === undefined ? undefined : viewOfDisk(disk, signal);
    },
    list: async (context, signal) => viewsOf(find(context), signal),
    async publish(context, { uid, hostId }, signal) {
      checkUid('hostId', hostId);
      return alone(context, uid, signal, async (pool) => publish(pool, await ours(pool, context, uid, signal), hostId, signal));
    },
    async unpublish(context, { uid, hostId }, signal) {
      checkUid('hostId', hostId);
      return alone(context, uid, signal, async (pool) => unpublish(pool, await ours(pool, context, uid, signal), hostId, signal));
    },
    async adopt(context, adoption, signal) {
      checkOwner('owner', adoption.owner);
      checkThingId('id', adoption.id);
      return alone(context, adoption.owner.uid, signal, (pool) => adoptDisk(pool, context, adoption, signal));
    },
  };
}

/** All disks of the pool, as callers see them. */
export async function viewsOf(pool: PoolEndpoint, signal: AbortSignal): Promise<readonly Disk[]> {
  const views = (await listDisks(pool.dir, signal)).map((disk) =>
    viewOfDisk(disk, signal).catch((error: unknown) => {
      // Deleted between the two looks.
      if (isAbsent(error)) return undefined;
      throw error;
    }),
  );
  return (await Promise.all(views)).filter((disk) => disk !== undefined);
}

/** The fills of the pools that `find` gives. */
export function createOperationService(find: FindPool): OperationService {
  const alone = aloneIn(find);
  return {
    async get(context, id, signal) {
      checkOperationId('id', id);
      const pool = find(context);
      const fill = await readFill(pool.dir, id, signal);
      return fill === undefined ? undefined : operationOf(pool, fill, signal);
    },
    async list(context, signal) {
      const pool = find(context);
      return Promise.all((await listFills(pool, signal)).map((fill) => operationOf(pool, fill, signal)));
    },
    async cancel(context, id, signal) {
      checkOperationId('id', id);
      const fill = await readFill(find(context).dir, id, signal);
      if (fill?.state !== 'running') return;
      await alone(context, fill.owner.uid, signal, async (pool) => {
        checkOwnership(context.fence, { owner: fill.owner, released: false });
        passObject(context.fence, fill.fence);
        await cancelFill(pool, fill);
      });
    },
  };
}
