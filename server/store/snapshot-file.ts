import { existsSync, linkSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { ApiError } from '../../apis/meta/api-error.ts';
import { createPrivate, createSchema, lockStore, putInPlace, reasonOf, refuseForeign, syncFile } from './sqlite-file.ts';
import { createTally, type BackupMark, type Snapshot, type SnapshotHeader, type SnapshotObject, type Tally } from './snapshot.ts';

/** A store file open for reading, at one moment. */
export interface FileSnapshot extends Snapshot {
  /** What it says of itself, where it is a backup. */
  readonly backup: BackupMark | undefined;
  /** SQLite's own findings about the file, at most a hundred; none in a sound one. */
  integrity(): readonly string[];
  close(): void;
}

const PAGE_ROWS = 256;

const metaSchema = z.object({
  installation: z.uuid(),
  incarnation: z.string().regex(/^[1-9]\d{0,14}$/),
  offset: z.string().regex(/^\d{1,19}$/),
  backup: z.string().optional(),
});
const markSchema = z.object({ takenAt: z.int(), objects: z.int().min(0), digest: z.string().regex(/^[0-9a-f]{64}$/) });
const rowSchema = z.object({ key: z.string(), value: z.string(), version: z.bigint().min(0n) });

/**
 * Opens a store file or a backup, which a running server may have open too: it goes on writing, and nothing of that is seen here.
 * Throws ApiError NotFound where there is no file, InternalError for one that is not a store.
 */
export function openFileSnapshot(file: string): FileSnapshot {
  const path = resolve(file);
  if (!existsSync(path)) throw new ApiError('NotFound', `there is no store in ${path}`);
  refuseForeign(path);
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    // The first read of the transaction is the moment that all others are of.
    database.exec('BEGIN');
    return { ...readHeader(database), pages: (signal) => readPages(database, signal), ...handles(database) };
  } catch (error) {
    database.close();
    throw error instanceof ApiError
      ? error
      : new ApiError('InternalError', `the store ${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function handles(database: DatabaseSync): Pick<FileSnapshot, 'integrity' | 'close'> {
  return {
    integrity: () => {
      const rows = database.prepare('PRAGMA integrity_check').all();
      return rows.map((row) => String(row.integrity_check)).filter((line) => line !== 'ok');
    },
    close: () => {
      database.close();
    },
  };
}

function readHeader(database: DatabaseSync): Pick<FileSnapshot, 'header' | 'backup'> {
  const rows = database.prepare('SELECT name, value FROM meta').all();
  const meta = metaSchema.safeParse(Object.fromEntries(rows.map((row) => [row.name, row.value])));
  const statement = database.prepare('SELECT revision FROM progress');
  statement.setReadBigInts(true);
  const revision = statement.get()?.revision;
  if (!meta.success || typeof revision !== 'bigint') {
    throw new ApiError('InternalError', 'the store says nothing of itself that this program wrote; restore it from a backup');
  }
  const { installation, incarnation, offset, backup } = meta.data;
  const header = { installation, incarnation: Number(incarnation), offset: BigInt(offset), revision };
  if (backup === undefined) return { header, backup: undefined };
  return { header, backup: markSchema.parse(JSON.parse(backup)) };
}

function* readPages(database: DatabaseSync, signal: AbortSignal): Generator<readonly SnapshotObject[]> {
  const statement = database.prepare(`SELECT key, version, value FROM current WHERE key > ? ORDER BY key LIMIT ${String(PAGE_ROWS)}`);
  statement.setReadBigInts(true);
  let after = '';
  for (;;) {
    signal.throwIfAborted();
    const page = statement.all(after).map((row) => rowSchema.parse(row));
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.key;
  }
}

/** Writes a backup of `snapshot` into `file`, which must not exist, and reads it again; resolves with what it says of itself. */
export async function writeBackup(snapshot: Snapshot, file: string, takenAt: number, signal: AbortSignal): Promise<BackupMark> {
  const path = resolve(file);
  const taken = (cause?: unknown): ApiError => new ApiError('AlreadyExists', `${path} exists; a backup never replaces a file`, { cause });
  if (existsSync(path)) throw taken();
  const partial = `${path}.tmp`;
  await writeFileTo(partial, snapshot, takenAt, signal);
  const mark = await verifyBackup(partial, signal);
  try {
    // A link, because a rename would replace what came into being meanwhile.
    linkSync(partial, path);
  } catch (error) {
    throw taken(error);
  } finally {
    rmSync(partial, { force: true });
  }
  syncFile(dirname(path));
  return mark;
}

/** Reads a whole backup; rejects with ApiError InternalError unless all of it is as it was written. */
export async function verifyBackup(file: string, signal: AbortSignal): Promise<BackupMark> {
  const snapshot = openFileSnapshot(file);
  try {
    const { backup, header } = snapshot;
    if (backup === undefined) throw new ApiError('InternalError', `${file} is a store and not a backup; "store migrate" moves a store`);
    const tally = createTally(header);
    for await (const page of snapshot.pages(signal)) for (const object of page) tally.add(object);
    const { objects, digest } = tally.total();
    if (snapshot.integrity().length > 0 || objects !== backup.objects || digest !== backup.digest) {
      throw new ApiError('InternalError', `the backup ${file} is damaged: it is not what was written; use another one`);
    }
    return backup;
  } finally {
    snapshot.close();
  }
}

/** A place for a store file, held against every other process. */
export interface FileTarget {
  /** The identity of an empty store that is there. */
  readonly remaining: SnapshotHeader | undefined;
  /** Puts `snapshot` there: all of it, or nothing when it rejects or the machine stops. */
  write(snapshot: Snapshot, signal: AbortSignal): Promise<void>;
  release(): void;
}

/** Takes hold of the place `file`. Throws ApiError Conflict where a store with objects is, ServiceUnavailable where it is in use. */
export function openFileTarget(file: string): FileTarget {
  const path = resolve(file);
  const unlock = lockStore(path);
  try {
    const remaining = existsSync(path) ? emptyHeader(path) : undefined;
    return {
      remaining,
      write: async (snapshot, signal) => {
        const partial = `${path}.tmp`;
        await writeFileTo(partial, snapshot, undefined, signal);
        settleLog(path);
        putInPlace(partial, path);
      },
      release: unlock,
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

function emptyHeader(path: string): SnapshotHeader {
  const snapshot = openFileSnapshot(path);
  try {
    if (snapshot.backup !== undefined) throw new ApiError('Conflict', `${path} is a backup; move it away first`);
    if (!isEmpty(path)) {
      throw new ApiError('Conflict', `the store ${path} holds objects: nothing was changed; move it away, or use another data directory`);
    }
    return snapshot.header;
  } finally {
    snapshot.close();
  }
}

function refuseBackup(path: string): void {
  const snapshot = openFileSnapshot(path);
  snapshot.close();
  if (snapshot.backup !== undefined) throw new ApiError('Conflict', `${path} is a backup; restore it instead`);
}

function isEmpty(path: string): boolean {
  const database = new DatabaseSync(path, { readOnly: true });
  const first = database.prepare('SELECT 1 FROM current LIMIT 1').get();
  database.close();
  return first === undefined;
}

/** Writes the log of an empty store into its file, so that nothing of it is lost if the copy is not put in its place after all. */
function settleLog(path: string): void {
  if (!existsSync(path)) return;
  const database = new DatabaseSync(path);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE');
  database.close();
}

/** Writes all of `snapshot` into a new file and onto the disk; with `takenAt` it is a backup. */
async function writeFileTo(path: string, snapshot: Snapshot, takenAt: number | undefined, signal: AbortSignal): Promise<void> {
  // What a copy that was interrupted left behind.
  for (const left of [path, `${path}-journal`]) rmSync(left, { force: true });
  createPrivate(path);
  const database = new DatabaseSync(path);
  try {
    // Nobody reads the file before it is whole and synced, so it needs no journal.
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
    createSchema(database);
    database.exec('BEGIN IMMEDIATE');
    const { header } = snapshot;
    const tally = createTally(header);
    await insertAll(database, snapshot, tally, signal);
    // No change from before the copy can be told, so all of it counts as forgotten.
    database.prepare('UPDATE progress SET revision = ?, compacted = ?').run(header.revision, header.revision * 64n + 63n);
    database.exec('DELETE FROM meta');
    const insert = database.prepare('INSERT INTO meta VALUES (?, ?)');
    insert.run('installation', header.installation);
    insert.run('incarnation', String(header.incarnation));
    insert.run('offset', String(header.offset));
    if (takenAt !== undefined) insert.run('backup', JSON.stringify({ takenAt, ...tally.total() } satisfies BackupMark));
    database.exec('COMMIT');
    database.close();
    syncFile(path);
  } catch (error) {
    if (database.isOpen) database.close();
    rmSync(path, { force: true });
    if (error instanceof ApiError || signal.aborted) throw error;
    throw new ApiError('ServiceUnavailable', `${path} cannot be written: ${reasonOf(error)}`, { cause: error });
  }
}

async function insertAll(database: DatabaseSync, snapshot: Snapshot, tally: Tally, signal: AbortSignal): Promise<void> {
  const put = database.prepare('INSERT INTO current (key, version, value) VALUES (?, ?, ?)');
  for await (const page of snapshot.pages(signal)) {
    for (const object of page) {
      put.run(object.key, object.version, object.value);
      tally.add(object);
    }
  }
}

/**
 * Takes a store away from servers for good, so that its copy can live; resolves with the store as it then is. Doing it again is allowed:
 * the first copy may have failed. Throws ApiError ServiceUnavailable when a server has it open.
 */
export function retireFile(file: string): FileSnapshot & { readonly release: () => void } {
  const path = resolve(file);
  if (!existsSync(path)) throw new ApiError('NotFound', `there is no store in ${path}`);
  refuseForeign(path);
  const unlock = lockStore(path);
  try {
    refuseBackup(path);
    const database = new DatabaseSync(path);
    database.exec("PRAGMA synchronous = FULL; INSERT OR REPLACE INTO meta VALUES ('moved', 'true')");
    database.close();
    return { ...openFileSnapshot(path), release: unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}
