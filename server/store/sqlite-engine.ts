import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ApiError } from '../../apis/meta/api-error.ts';
import { cannotOpen, openStoreFile, reasonOf, sqliteCode } from './sqlite-file.ts';
import type {
  Engine,
  EngineChange,
  EngineHistory,
  EngineIdentity,
  EngineObject,
  EngineOutcome,
  EngineRange,
  EngineWrite,
  ListPart,
} from './sqlite-protocol.ts';

const SLOTS = 64;
const SQLITE_FULL = 13;
/** Bounds of one part of a list, one page of history, one slice of compaction. */
const PART_CHARS = 1024 * 1024;
const PAGE_CHARS = 2 * 1024 * 1024;
const PAGE_ROWS = 8192;
const COMPACT_ROWS = 1024;
const VACUUM_PAGES = 512;
/** Free pages that are kept for the next writes. */
const SPARE_PAGES = 256;

interface Statements {
  readonly get: StatementSync;
  readonly list: StatementSync;
  readonly recall: StatementSync;
  readonly newest: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly record: StatementSync;
  readonly keep: StatementSync;
  readonly history: StatementSync;
  readonly setRevision: StatementSync;
  readonly setCompacted: StatementSync;
  readonly due: StatementSync;
  readonly forgetReplaced: StatementSync;
  readonly forgetCurrent: StatementSync;
  readonly freePages: StatementSync;
}

// Sorts after every UTF-8 text, so that a range without an end has one.
const LAST_KEY = "x'ff'";

function prepareStatements(database: DatabaseSync): Statements {
  return {
    get: database.prepare('SELECT key, version, value FROM current WHERE key = ?'),
    list: database.prepare(`SELECT key, version, value FROM current WHERE key >= ? AND key < coalesce(?, ${LAST_KEY}) ORDER BY key`),
    // What has not been written since is current; of what has, the first write since names what it replaced.
    recall: database.prepare(
      `SELECT key, version, value FROM current WHERE version <= ?1 UNION ALL SELECT key, version, value FROM history
        WHERE version IN (SELECT before FROM history WHERE version > ?1 AND before <= ?1)`,
    ),
    newest: database.prepare('SELECT version FROM history WHERE version > ? ORDER BY version DESC LIMIT 1 OFFSET ?'),
    put: database.prepare(
      'INSERT INTO current (key, version, value) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET version = ?2, value = ?3',
    ),
    remove: database.prepare('DELETE FROM current WHERE key = ?'),
    record: database.prepare('INSERT INTO history (version, key, value, before) VALUES (?, ?, ?, ?)'),
    keep: database.prepare('INSERT OR IGNORE INTO history (version, key, value) VALUES (?, ?, ?)'),
    // Values of other keys stay out of memory; their rows still count, so that a page ends.
    history: database.prepare(
      `SELECT version, key, hit, iif(hit, value, NULL) AS value FROM
        (SELECT version, key, value, key >= ?2 AND key < coalesce(?3, ${LAST_KEY}) AS hit FROM history WHERE version > ?1) ORDER BY version`,
    ),
    setRevision: database.prepare('UPDATE progress SET revision = ?'),
    setCompacted: database.prepare('UPDATE progress SET compacted = ?'),
    due: database.prepare(
      `SELECT max(version) AS last, count(*) AS rows FROM
        (SELECT version FROM history WHERE version > ? AND version <= ? ORDER BY version LIMIT ${String(COMPACT_ROWS)})`,
    ),
    forgetReplaced: database.prepare(
      'DELETE FROM history WHERE version IN (SELECT before FROM history WHERE version > ?1 AND version <= ?2)',
    ),
    // What a later write has replaced stays until that write is forgotten: it is the state that history begins with.
    forgetCurrent: database.prepare(
      `DELETE FROM history WHERE version > ?1 AND version <= ?2
        AND (value IS NULL OR version = (SELECT version FROM current WHERE current.key = history.key))`,
    ),
    freePages: database.prepare('PRAGMA freelist_count'),
  };
}

/** An engine that can also write its log to the disk anew. */
export interface ProvableEngine extends Engine {
  /** Copies the whole log into the file and syncs it; throws when the disk does not take it. */
  prove(): void;
}

/** Opens the store in `file`, whose lock the caller holds, on this thread. A write that throws is rolled back. */
export function openEngine(file: string): ProvableEngine {
  const database = openStoreFile(file);
  try {
    return engineOf(database);
  } catch (error) {
    database.close();
    throw cannotOpen(file, error);
  }
}

function engineOf(database: DatabaseSync): ProvableEngine {
  const statements = prepareStatements(database);
  const progress = database.prepare('SELECT revision, compacted FROM progress').get() ?? {};
  let revision = numberOf(progress.revision);
  let compacted = numberOf(progress.compacted);
  // History up to here is forgotten; not kept in the file, because to forget twice does no harm.
  let forgotten = 0;
  return {
    identity: () => readIdentity(database),
    get: (key) => readObject(statements, key),
    list: (range, part) => {
      handOver(statements.list.iterate(range.start, range.end ?? null), part);
      return revision;
    },
    recall: (changes, part) => {
      const oldest = statements.newest.get(compacted, changes)?.version;
      const then = Math.floor((oldest === undefined ? compacted : numberOf(oldest)) / SLOTS);
      handOver(statements.recall.iterate(then * SLOTS + SLOTS - 1), part);
      return then;
    },
    revision: () => revision,
    apply: (writes) => {
      const done = applyBatch(database, statements, { writes, revision: revision + 1, compacted });
      revision = done.revision;
      return done.outcomes;
    },
    history: ({ range, after }) => {
      if (after < compacted) return { state: 'compacted' };
      if (after > revision * SLOTS + SLOTS - 1) return { state: 'future' };
      return readHistory(statements, range, after, revision * SLOTS + SLOTS - 1);
    },
    compact: (upTo) => {
      compacted = Math.max(compacted, Math.min(upTo, revision * SLOTS + SLOTS - 1));
      const slice = compactSlice(database, statements, forgotten, compacted);
      forgotten = slice.forgotten;
      return slice.more;
    },
    prove: () => {
      const row = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      if (row?.busy !== 0) throw new ApiError('ServiceUnavailable', 'the log of the store is in use');
    },
    close: () => {
      database.close();
    },
  };
}

function readIdentity(database: DatabaseSync): EngineIdentity {
  const rows = database.prepare('SELECT name, value FROM meta').all();
  const meta = new Map(rows.map((row) => [textOf(row.name), textOf(row.value)]));
  const [installation, incarnation, offset] = ['installation', 'incarnation', 'offset'].map((name) => meta.get(name));
  if (installation === undefined || incarnation === undefined || offset === undefined) throw damaged();
  return { installation, incarnation: Number(incarnation), offset };
}

function readObject(statements: Statements, key: string): EngineObject | undefined {
  const row = statements.get.get(key);
  return row === undefined ? undefined : objectOf(row);
}

function handOver(rows: Iterable<Record<string, unknown>>, part: (objects: ListPart) => void): void {
  let objects: EngineObject[] = [];
  let chars = 0;
  for (const row of rows) {
    const object = objectOf(row);
    objects.push(object);
    chars += object.key.length + object.value.length;
    if (chars > PART_CHARS) {
      part(objects);
      objects = [];
      chars = 0;
    }
  }
  if (objects.length > 0) part(objects);
}

interface Applied {
  readonly outcomes: readonly EngineOutcome[];
  readonly revision: number;
}

interface Batch {
  readonly writes: readonly EngineWrite[];
  /** What it becomes. */
  readonly revision: number;
  readonly compacted: number;
}

function applyBatch(database: DatabaseSync, statements: Statements, { writes, revision, compacted }: Batch): Applied {
  const outcomes: EngineOutcome[] = [];
  let index = 0;
  try {
    database.exec('BEGIN IMMEDIATE');
    for (const write of writes) {
      const outcome = applyWrite(statements, write, revision * SLOTS + index, compacted);
      if (outcome.ok && write.do !== 'compare') index += 1;
      outcomes.push(outcome);
    }
    if (index > 0) statements.setRevision.run(revision);
  } catch (error) {
    rollBack(database);
    throw notWritten(error);
  }
  try {
    database.exec(index > 0 ? 'COMMIT' : 'ROLLBACK');
  } catch (error) {
    rollBack(database);
    // A full disk is told before the last page of the batch is in the log, so that none of it can come back.
    if (sqliteCode(error) === SQLITE_FULL) throw notWritten(error);
    // The log may hold the batch although the disk did not confirm it; only opening the file again tells.
    throw new ApiError('Timeout', `it is not known whether the write is on the disk: ${reasonOf(error)}`, { cause: error });
  }
  return { outcomes, revision: index > 0 ? revision : revision - 1 };
}

function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('ROLLBACK');
}

function notWritten(error: unknown): ApiError {
  return new ApiError('ServiceUnavailable', `the store cannot write: ${reasonOf(error)}`, {
    details: { retryAfterSeconds: 1 },
    cause: error,
  });
}

function applyWrite(statements: Statements, write: EngineWrite, version: number, compacted: number): EngineOutcome {
  const current = readObject(statements, write.key);
  const allowed = write.do === 'create' ? current === undefined : current?.version === write.version;
  if (!allowed) return { ok: false, current };
  if (write.do === 'compare') return { ok: true, version: write.version };
  // History may have forgotten what is replaced now, and from now on must tell it.
  if (current !== undefined && current.version <= compacted) statements.keep.run(current.version, current.key, current.value);
  const before = current?.version ?? null;
  if (write.do === 'remove') {
    statements.remove.run(write.key);
    statements.record.run(version, write.key, null, before);
  } else {
    statements.put.run(write.key, version, write.value);
    statements.record.run(version, write.key, write.value, before);
  }
  return { ok: true, version };
}

function readHistory(statements: Statements, range: EngineRange, after: number, newest: number): EngineHistory {
  const changes: EngineChange[] = [];
  let chars = 0;
  let rows = 0;
  let reached = after;
  for (const row of statements.history.iterate(after, range.start, range.end ?? null)) {
    const version = numberOf(row.version);
    const full = chars > PAGE_CHARS || rows >= PAGE_ROWS;
    // A page ends between revisions only, so that one revision is always delivered whole.
    if (full && Math.floor(version / SLOTS) !== Math.floor(reached / SLOTS)) {
      return { state: 'page', changes, upTo: reached, more: true };
    }
    reached = version;
    rows += 1;
    if (row.hit !== 1) continue;
    const value = row.value === null ? undefined : textOf(row.value);
    changes.push({ key: textOf(row.key), value, version });
    chars += 256 + (value?.length ?? 0);
  }
  return { state: 'page', changes, upTo: newest, more: false };
}

interface CompactedSlice {
  readonly forgotten: number;
  readonly more: boolean;
}

function compactSlice(database: DatabaseSync, statements: Statements, from: number, upTo: number): CompactedSlice {
  try {
    const { last, rows } = statements.due.get(from, upTo) ?? {};
    const end = rows === COMPACT_ROWS ? numberOf(last) : upTo;
    database.exec('BEGIN IMMEDIATE');
    statements.setCompacted.run(upTo);
    statements.forgetReplaced.run(from, end);
    statements.forgetCurrent.run(from, end);
    database.exec('COMMIT');
    if (end < upTo) return { forgotten: end, more: true };
    const spare = numberOf(statements.freePages.get()?.freelist_count) - SPARE_PAGES;
    if (spare <= 0) return { forgotten: end, more: false };
    database.exec(`PRAGMA incremental_vacuum(${String(Math.min(spare, VACUUM_PAGES))})`);
    return { forgotten: end, more: spare > VACUUM_PAGES };
  } catch (error) {
    rollBack(database);
    throw new ApiError('ServiceUnavailable', `the store cannot forget its history: ${reasonOf(error)}`, { cause: error });
  }
}

function objectOf(row: Record<string, unknown>): EngineObject {
  return { key: textOf(row.key), value: textOf(row.value), version: numberOf(row.version) };
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw damaged();
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw damaged();
  return value;
}

function damaged(): ApiError {
  return new ApiError('InternalError', 'the store holds what this program did not write; restore it from a backup');
}
