import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { Fence } from '../contract/fence.ts';

const SCHEMA_VERSION = 1;

const TABLES = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS endpoints (category TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (category, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS machines (place TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (place, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS disks (place TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (place, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS operations (place TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (place, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS tombstones (place TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (place, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS shards (place TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (place, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS served (place TEXT, uid TEXT, doc TEXT NOT NULL, PRIMARY KEY (place, uid)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS calls (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, method TEXT, endpoint TEXT, uid TEXT, outcome TEXT);
  CREATE TABLE IF NOT EXISTS effects
    (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, kind TEXT, place TEXT, uid TEXT, doc TEXT, call TEXT, fence TEXT);
  CREATE TABLE IF NOT EXISTS counts (method TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS hosts_off ON endpoints (uid) WHERE category = 'machine' AND json_extract(doc, '$.off') = 1;
`;

/** Tables of documents, each found by its place (an endpoint's uid) and its uid. */
export type Table = 'endpoints' | 'machines' | 'disks' | 'operations' | 'tombstones' | 'shards' | 'served';

/** The call that a change is made for. */
export interface Cause {
  readonly call: string;
  readonly fence: Fence | undefined;
}

/** What becomes of the documents in these is kept in the world's journal, in the same transaction. */
const JOURNALLED: ReadonlySet<Table> = new Set<Table>(['machines', 'disks', 'shards']);
const MAX_EFFECTS = 20_000;

/** The simulated world: one SQLite file that several processes may have open, and that outlives them all. */
export interface World {
  /** Runs `change` alone, over all processes; all of it happens, or nothing where it throws. */
  write<T>(change: () => T): T;
  get(table: Table, place: string, uid: string): unknown;
  list(table: Table, place: string): readonly unknown[];
  all(table: Table): readonly { readonly place: string; readonly uid: string; readonly doc: unknown }[];
  put(table: Table, place: string, uid: string, doc: object): void;
  remove(table: Table, place: string, uid: string): void;
  /** Runs `change` in the name of a call: the journal says so. */
  because<T>(cause: Cause, change: () => T): T;
  /** For the journals. */
  run(sql: string, ...values: SQLInputValue[]): number;
  rows(sql: string, ...values: SQLInputValue[]): readonly Readonly<Record<string, unknown>>[];
  /** Changes when another process has changed the world. */
  version(): number;
  /** Whether another process can change it at all: not what is in memory. */
  readonly shared: boolean;
  close(): void;
}

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 5000 });
  // NORMAL: the world survives the death of every process; a power cut of the real machine may cost the last moments of a simulated one.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024; PRAGMA journal_size_limit = 4194304;');
  db.exec('BEGIN IMMEDIATE');
  db.exec(TABLES);
  db.prepare("INSERT OR IGNORE INTO meta VALUES ('schema', ?)").run(String(SCHEMA_VERSION));
  const found = db.prepare("SELECT value FROM meta WHERE key = 'schema'").get()?.value;
  db.exec('COMMIT');
  if (found === String(SCHEMA_VERSION)) return db;
  db.close();
  throw new Error(`${file} holds a world of schema ${String(found)}, and this is schema ${SCHEMA_VERSION}`);
}

/** So many documents are kept parsed. */
const MOST_PARSED = 16_384;

/** Parses documents, each text once: nobody changes what was parsed, and most of what is listed again is as it was. */
function createParser(): (doc: unknown) => unknown {
  const parsed = new Map<string, unknown>();
  return (doc) => {
    const text = String(doc);
    const known = parsed.get(text);
    if (known !== undefined) return known;
    const fresh: unknown = JSON.parse(text);
    if (parsed.size >= MOST_PARSED) for (const [oldest] of parsed.entries().take(MOST_PARSED / 2)) parsed.delete(oldest);
    parsed.set(text, fresh);
    return fresh;
  };
}

const keyOf = (table: Table): string => (table === 'endpoints' ? 'category' : 'place');

/** Writes down what becomes of what is journalled, and in the name of which call; to be called in the transaction of the change. */
function createJournal(prepare: (sql: string) => StatementSync, now: () => number) {
  let cause: Cause | undefined;
  return {
    because: <T>(why: Cause, change: () => T): T => {
      const before = cause;
      cause = why;
      try {
        return change();
      } finally {
        cause = before;
      }
    },
    add: (table: Table, place: string, uid: string, doc: string | null): void => {
      if (!JOURNALLED.has(table)) return;
      const sql = 'INSERT INTO effects (at, kind, place, uid, doc, call, fence) VALUES (?, ?, ?, ?, ?, ?, ?)';
      const fence = cause?.fence === undefined ? null : JSON.stringify(cause.fence);
      const seq = Number(prepare(sql).run(now(), table, place, uid, doc, cause?.call ?? '', fence).lastInsertRowid);
      if (seq % 256 === 0) prepare('DELETE FROM effects WHERE seq <= ?').run(seq - MAX_EFFECTS);
    },
  };
}

/** Opens the world in `file`, or a new one in memory (`:memory:`). Throws where the file is not one, or of another schema. */
export function openWorld(file: string, now: () => number): World {
  const db = open(file);
  const parse = createParser();
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  const write = <T>(change: () => T): T => {
    if (db.isTransaction) return change();
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  };
  const journal = createJournal(prepare, now);
  const change = (table: Table, place: string, uid: string, doc: string | null): void =>
    write(() => {
      if (doc === null) prepare(`DELETE FROM ${table} WHERE ${keyOf(table)} = ? AND uid = ?`).run(place, uid);
      else prepare(`INSERT OR REPLACE INTO ${table} VALUES (?, ?, ?)`).run(place, uid, doc);
      journal.add(table, place, uid, doc);
    });
  return {
    shared: file !== ':memory:',
    write,
    because: journal.because,
    get(table, place, uid) {
      const row = prepare(`SELECT doc FROM ${table} WHERE ${keyOf(table)} = ? AND uid = ?`).get(place, uid);
      return row === undefined ? undefined : parse(row.doc);
    },
    list: (table, place) =>
      prepare(`SELECT doc FROM ${table} WHERE ${keyOf(table)} = ?`)
        .all(place)
        .map(({ doc }) => parse(doc)),
    all: (table) =>
      prepare(`SELECT ${keyOf(table)} AS place, uid, doc FROM ${table}`)
        .all()
        .map(({ place, uid, doc }) => ({ place: String(place), uid: String(uid), doc: parse(doc) })),
    put: (table, place, uid, doc) => change(table, place, uid, JSON.stringify(doc)),
    remove: (table, place, uid) => change(table, place, uid, null),
    run: (sql, ...values) => Number(prepare(sql).run(...values).lastInsertRowid),
    rows: (sql, ...values) => prepare(sql).all(...values),
    version: () => Number(prepare('PRAGMA data_version').get()?.data_version),
    close: () => db.close(),
  };
}
