import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ApiError } from '../../apis/meta/api-error.ts';

/** "LENT": says in the file's header whose it is. */
const APPLICATION_ID = 0x4c454e54;
const SCHEMA_VERSION = 2;
const SQLITE_BUSY = 5;
/** PERM, READONLY, IOERR, FULL and CANTOPEN: the disk or its rights, and not what is on it. */
const DISK_CODES: ReadonlySet<number> = new Set([3, 8, 10, 13, 14]);
const HEADER_BYTES = 100;
const MAGIC = 'SQLite format 3\0';

// A version is revision x 64 + index. History is keyed by it, so that it is appended to. `before` is the version that a write replaced.
const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, compacted INTEGER NOT NULL) STRICT;
  CREATE TABLE current (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL) STRICT;
  CREATE TABLE history (version INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT, before INTEGER) STRICT;
  INSERT INTO progress VALUES (1, 0, 0);
`;

// Format 1 did not know what a write had replaced, so the history that it kept is of no use.
const FROM_FORMAT_1 = `
  ALTER TABLE history ADD COLUMN before INTEGER;
  DELETE FROM history;
  UPDATE progress SET compacted = revision * 64 + 63;
`;

/**
 * Opens the store in `file` (":memory:" for none), making it where there is none: mode 0600, in a directory of mode 0700. Whoever opens a
 * file holds its lock. Throws ApiError ServiceUnavailable when the disk does not let it be opened, InternalError when it is not a store of
 * ours.
 */
export function openStoreFile(file: string): DatabaseSync {
  const path = file === ':memory:' ? file : resolve(file);
  let database: DatabaseSync | undefined;
  try {
    if (path !== ':memory:') {
      if (isAbsent(path)) makeStoreFile(path);
      createPrivate(path);
      refuseForeign(path);
    }
    database = new DatabaseSync(path);
    prepare(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw cannotOpen(path, error);
  }
}

/**
 * Makes the directory of the store in `file` and takes hold of it; gives what lets go. Throws ApiError ServiceUnavailable when another
 * process holds it, or when the disk does not let it be held.
 */
export function holdStoreFile(file: string): () => void {
  const path = resolve(file);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return lockStore(path);
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function isAbsent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** Makes an empty store beside its place and puts it there whole, because half of one could not be told from another program's file. */
function makeStoreFile(path: string): void {
  const partial = `${path}.tmp`;
  for (const left of [partial, `${partial}-journal`]) rmSync(left, { force: true });
  createPrivate(partial);
  const database = new DatabaseSync(partial);
  try {
    createSchema(database);
  } finally {
    database.close();
  }
  putInPlace(partial, path);
}

/** Renames a database onto `path`, where none is that counts, and syncs that. Logs of one that was there would be read into it. */
export function putInPlace(partial: string, path: string): void {
  for (const suffix of ['-journal', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  renameSync(partial, path);
  syncFile(dirname(path));
}

/** Writes what is known of a file, or the names in a directory, onto the disk. */
export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** One sentence for an operator about why a store was not opened. */
export function cannotOpen(path: string, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = sqliteCode(error);
  const disk = code === undefined ? error instanceof Error && 'syscall' in error : DISK_CODES.has(code);
  const remedy = disk ? '; see to its disk and rights, then start this program again' : '';
  return new ApiError(disk ? 'ServiceUnavailable' : 'InternalError', `the store ${path} cannot be opened: ${reasonOf(error)}${remedy}`, {
    cause: error,
  });
}

/**
 * Holds the store `path` with an exclusive lock that the kernel frees with the process, however it ends; gives what lets go of it.
 * Nothing is ever written to the lock file. Throws ApiError ServiceUnavailable when another process holds it.
 */
export function lockStore(store: string): () => void {
  const path = `${store}.lock`;
  createPrivate(path);
  const database = new DatabaseSync(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (sqliteCode(error) !== SQLITE_BUSY) throw cannotOpen(store, error);
    throw new ApiError(
      'ServiceUnavailable',
      `the store ${store} is in use by another process; stop it first, or use another data directory`,
      {
        cause: error,
      },
    );
  }
  return () => {
    database.close();
  };
}

/** Makes an empty file of mode 0600, where there is none. A file that exists is never opened here: closing it would drop locks that SQLite holds on it. */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  }
}

/** Throws ApiError InternalError for a file that is not ours. Reads its header alone, so that it is left exactly as it was. */
export function refuseForeign(path: string): void {
  const header = Buffer.alloc(HEADER_BYTES);
  const descriptor = openSync(path, 'r');
  const length = readSync(descriptor, header, 0, HEADER_BYTES, 0);
  closeSync(descriptor);
  if (length === 0) return;
  if (length < HEADER_BYTES || header.toString('latin1', 0, 16) !== MAGIC || header.readUInt32BE(68) !== APPLICATION_ID) {
    throw new ApiError('InternalError', `${path} is not a store of this program; move it away, or use another data directory`);
  }
  const version = header.readUInt32BE(60);
  if (version > SCHEMA_VERSION) {
    throw new ApiError('InternalError', `${path} was written by a newer version of this program (format ${String(version)}); use that one`);
  }
}

function prepare(database: DatabaseSync, path: string): void {
  createSchema(database);
  refuseCopied(database, path);
  // Each acknowledged write is on the disk before it is acknowledged: FULL syncs the log at every commit.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY');
}

/** A backup, or a store whose copy lives elsewhere, would give versions and fences a second time. */
function refuseCopied(database: DatabaseSync, path: string): void {
  const marks = database.prepare("SELECT name FROM meta WHERE name IN ('backup', 'moved')").all();
  for (const { name } of marks) {
    const why =
      name === 'backup' ? 'is a backup; "cloudd store restore" makes a store of it' : 'was moved by "cloudd store migrate"; use the copy';
    throw new ApiError('ServiceUnavailable', `${path} ${why}`);
  }
}

/** Makes an empty store with an identity of its own in a database without tables; brings one of ours to the newest format. */
export function createSchema(database: DatabaseSync): void {
  const id = database.prepare('PRAGMA application_id').get()?.application_id;
  if (id === APPLICATION_ID) {
    if (database.prepare('PRAGMA user_version').get()?.user_version === SCHEMA_VERSION) return;
    database.exec(`BEGIN IMMEDIATE; ${FROM_FORMAT_1} PRAGMA user_version = ${String(SCHEMA_VERSION)}; COMMIT`);
    return;
  }
  // Before the first table, or it would take a full rewrite of the file to change.
  database.exec('PRAGMA auto_vacuum = INCREMENTAL');
  database.exec(
    `BEGIN IMMEDIATE; ${SCHEMA} PRAGMA application_id = ${String(APPLICATION_ID)}; PRAGMA user_version = ${String(SCHEMA_VERSION)}`,
  );
  const insert = database.prepare('INSERT INTO meta VALUES (?, ?)');
  insert.run('installation', randomUUID());
  insert.run('incarnation', '1');
  insert.run('offset', '0');
  database.exec('COMMIT');
}

/** SQLite's primary result code of an error that node:sqlite threw, or undefined. */
export function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** SQLite's own words for its result code, which name no data. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && 'errstr' in error && typeof error.errstr === 'string') return error.errstr;
  return error instanceof Error ? error.message : 'unknown';
}
