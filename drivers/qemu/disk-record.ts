import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk } from '../contract/disk.ts';
import type { Owner } from '../contract/fence.ts';
import type { SeenObject } from '../contract/fence-check.ts';
import { shortId } from './identity.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { isAbsent, readRecord, writeRecord } from '../serve/record-file.ts';

/** Everything that the driver remembers of one disk; lies beside its image. */
export interface DiskRecord {
  readonly schema: 1;
  readonly owner: Owner;
  readonly released: boolean;
  readonly fence: SeenObject;
  readonly publishedTo: readonly string[];
}

/** Where a disk's files lie. A disk exists once its image does: the record is written before, the image moved in whole. */
export interface DiskFolder {
  readonly path: string;
  readonly record: string;
  readonly image: string;
}

/** A disk that exists. */
export interface KnownDisk {
  readonly folder: DiskFolder;
  readonly record: DiskRecord;
}

function folderAt(path: string): DiskFolder {
  return { path, record: join(path, 'record.json'), image: join(path, 'disk.qcow2') };
}

/** The folder of the disk `uid` in the pool whose folder is `poolDir`. */
export function diskFolder(poolDir: string, uid: string): DiskFolder {
  return folderAt(join(poolDir, 'disks', shortId(uid)));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (isAbsent(error)) return false;
      throw error;
    },
  );
}

async function readDisk(folder: DiskFolder, signal: AbortSignal): Promise<KnownDisk | undefined> {
  const record = await readRecord<DiskRecord>(folder.record, 1, signal);
  return record !== undefined && (await exists(folder.image)) ? { folder, record } : undefined;
}

/** The disk `uid`; undefined where the pool surely does not have it. */
export async function findDisk(poolDir: string, uid: string, signal: AbortSignal): Promise<KnownDisk | undefined> {
  const disk = await readDisk(diskFolder(poolDir, uid), signal);
  return disk?.record.owner.uid === uid ? disk : undefined;
}

/** All disks of the pool. */
export async function listDisks(poolDir: string, signal: AbortSignal): Promise<readonly KnownDisk[]> {
  const found: KnownDisk[] = [];
  for (const name of await readdir(join(poolDir, 'disks'))) {
    if (name.startsWith('.')) continue;
    const disk = await readDisk(folderAt(join(poolDir, 'disks', name)), signal);
    if (disk !== undefined) found.push(disk);
  }
  return found.sort((left, right) => (left.record.owner.uid < right.record.owner.uid ? -1 : 1));
}

/** Writes a disk's record, making its folder when it is the first. */
export async function writeDisk({ folder, record }: KnownDisk, signal: AbortSignal): Promise<void> {
  await mkdir(folder.path, { recursive: true, mode: 0o700 });
  await writeRecord(folder.record, record, signal);
}

/** Removes a disk's folder: gone at once, or still whole. */
export async function removeDisk(poolDir: string, folder: DiskFolder, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const doomed = join(poolDir, 'disks', `.gone-${randomUUID()}`);
  try {
    await rename(folder.path, doomed);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  await rm(doomed, { recursive: true, force: true });
}

/** Removes what a removal left that was cut short. */
export async function sweepRemovedDisks(poolDir: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (const name of await readdir(join(poolDir, 'disks'))) {
    if (name.startsWith('.gone-')) await rm(join(poolDir, 'disks', name), { recursive: true, force: true });
  }
}

/** The disk as callers see it; reads 104 bytes of the image and no lock. */
export async function viewOfDisk({ folder, record }: KnownDisk, signal: AbortSignal): Promise<Disk> {
  const [header, { blocks }] = await Promise.all([readQcow2Header(folder.image, signal), stat(folder.image)]);
  return {
    id: record.owner.uid,
    name: record.owner.name,
    owner: record.owner,
    released: record.released,
    sizeBytes: header.virtualSizeBytes,
    actualSizeBytes: blocks * 512,
    publishedTo: record.publishedTo,
    generation: record.fence.generation,
  };
}
