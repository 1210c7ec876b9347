import type { Fence } from '../contract/fence.ts';
import type { World } from './world.ts';
import type { CallSite } from './faults.ts';

/** One mutating call as the world remembers it. */
export interface JournalEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly call: string;
  readonly endpoint: string;
  readonly uid: string;
  /** `OK`, a code with its reason, or `pending` where it never ended. */
  readonly outcome: string;
}

const MAX_ENTRIES = 10_000;

/** Writes down a mutating call that begins; gives its number. */
export function journalBegin(world: World, { call, endpoint, uid }: CallSite, atMs: number): number {
  return world.write(() => {
    world.run('INSERT INTO counts VALUES (?, 1) ON CONFLICT (method) DO UPDATE SET count = count + 1', call);
    const seq = world.run(
      'INSERT INTO calls (at, method, endpoint, uid, outcome) VALUES (?, ?, ?, ?, ?)',
      atMs,
      call,
      endpoint,
      uid,
      'pending',
    );
    if (seq % 256 === 0) world.run('DELETE FROM calls WHERE seq <= ?', seq - MAX_ENTRIES);
    return seq;
  });
}

/** Writes down how it ended. */
export function journalEnd(world: World, seq: number, outcome: string): void {
  world.run('UPDATE calls SET outcome = ? WHERE seq = ?', outcome, seq);
}

/** How often each mutating call was made since the world began. */
export function callCounts(world: World): Readonly<Record<string, number>> {
  const rows = world.rows('SELECT method, count FROM counts ORDER BY method');
  return Object.fromEntries(rows.map(({ method, count }) => [String(method), Number(count)]));
}

/** The latest `limit` mutating calls, oldest first. */
export function journalTail(world: World, limit: number): readonly JournalEntry[] {
  const rows = world.rows('SELECT * FROM calls ORDER BY seq DESC LIMIT ?', limit);
  return rows.toReversed().map(({ seq, at, method, endpoint, uid, outcome }) => {
    return {
      seq: Number(seq),
      atMs: Number(at),
      call: String(method),
      endpoint: String(endpoint),
      uid: String(uid),
      outcome: String(outcome),
    };
  });
}

/** What became of one thing: the whole of it after the change, and the call that changed it. */
export interface Effect {
  readonly seq: number;
  readonly atMs: number;
  /** `shards`: the highest epoch that was seen from a leader. */
  readonly kind: 'machines' | 'disks' | 'shards';
  /** Uid of the host or pool. */
  readonly place: string;
  readonly uid: string;
  /** Undefined: it is gone. */
  readonly doc: unknown;
  /** Empty: it happened by itself, or somebody did it by hand. */
  readonly call: string;
  readonly fence: Fence | undefined;
}

const read = (json: unknown): unknown => (typeof json === 'string' ? JSON.parse(json) : undefined);

/** The next `limit` effects after one, oldest first, numbered without holes; the world forgets all but the latest 20,000. */
export function effectsAfter({ rows }: Pick<World, 'rows'>, seq: number, limit: number): readonly Effect[] {
  return rows('SELECT * FROM effects WHERE seq > ? ORDER BY seq LIMIT ?', seq, limit).map((row) => {
    return {
      seq: Number(row.seq),
      atMs: Number(row.at),
      kind: row.kind as Effect['kind'],
      place: String(row.place),
      uid: String(row.uid),
      doc: read(row.doc),
      call: String(row.call),
      fence: read(row.fence) as Fence | undefined,
    };
  });
}
