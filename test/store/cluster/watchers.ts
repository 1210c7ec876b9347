import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Transport } from '../../../apis/meta/request.ts';
import { createEtcdClient } from '../../../server/store/etcd-client.ts';
import { eventually } from '../../cloud.ts';
import { realClock } from '../../programs/clock.ts';
import type { Change, Line } from './history.ts';
import type { Random } from './load.ts';
import { attempt, follow, snapshot } from './recorder.ts';

/** Forgets everything before now, every second, until the signal aborts; resolves with how often it did. */
export async function compactEverySecond(endpoint: string, signal: AbortSignal): Promise<number> {
  const client = createEtcdClient({ endpoints: [endpoint], clock: realClock });
  let times = 0;
  while (!signal.aborted) {
    const { header } = await client.read((kv, call) => kv.range({ key: Buffer.from('x') }, call));
    // Refused where nothing was written since the last time.
    const done = await client.read((kv, call) => kv.compact({ revision: header.revision }, call)).catch(() => undefined);
    times += done === undefined ? 0 : 1;
    await delay(1000, undefined, { signal }).catch(() => undefined);
  }
  client.close();
  return times;
}

/** One client that keeps a copy of all keys by list and watch, as informers do. */
export interface Follower {
  /** The newest version that it has heard of. */
  reach(): bigint;
  /** The same for two followers that hold the same. */
  digest(): string;
  /** What it heard out of order. */
  readonly faults: readonly string[];
  /** How often it had to list again. */
  lists(): number;
  readonly ended: Promise<void>;
}

/**
 * Follows all keys until the signal aborts; through breaks it resumes where it was. With `after` it is one that has listed already, as of
 * that version, and holds what changes from then on.
 */
export function startFollower(transport: Transport, signal: AbortSignal, after?: bigint): Follower {
  const state = new Map<string, bigint>();
  const faults: string[] = [];
  let [reach, lists] = [after ?? 0n, 0];

  function apply(line: Line): void {
    if (line.version < reach || (line.type !== 'BOOKMARK' && line.version === reach))
      faults.push(`${String(line.version)} after ${String(reach)}`);
    reach = line.version;
    if (line.type === 'DELETED') state.delete(line.key);
    else if (line.type !== 'BOOKMARK') state.set(line.key, line.version);
  }
  async function list(): Promise<void> {
    const { version, objects } = await snapshot(transport, signal);
    lists += 1;
    state.clear();
    for (const [key, object] of objects) state.set(key, object.version);
    reach = version;
  }
  async function run(): Promise<void> {
    let listed = after !== undefined;
    while (!signal.aborted) {
      try {
        if (!listed) await list();
        const { ended } = await follow(transport, reach, apply, signal);
        listed = ended !== 'expired';
      } catch {
        // A list that was not answered is asked for again.
      }
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
  }
  return {
    reach: () => reach,
    digest: () => {
      const rows = [...state].toSorted(([a], [b]) => (a < b ? -1 : 1));
      return createHash('sha256')
        .update(rows.map((row) => row.join(' ')).join('\n'))
        .digest('hex');
    },
    faults,
    lists: () => lists,
    ended: run(),
  };
}

/** Writes one more key and resolves, with the milliseconds, when all followers have heard of it. */
export async function allReached(transport: Transport, followers: readonly Follower[], signal: AbortSignal): Promise<number> {
  const started = performance.now();
  const version = await eventually('a write is acknowledged', 60_000, async () => {
    const key = `mark-${String(Math.round(performance.now() * 1000))}`;
    const { outcome } = await attempt(transport, { key, do: 'create', value: key }, signal);
    return outcome.is === 'done' ? outcome.version : undefined;
  });
  await eventually('all followers have heard of it', 120_000, () => followers.every((each) => each.reach() >= version) || undefined);
  return performance.now() - started;
}

/** What watches that were resumed at random versions of a history told. */
export interface Resumes {
  readonly exact: number;
  readonly expired: number;
  /** The versions at which a watch told something else than the rest of the history. */
  readonly wrong: readonly bigint[];
}

/** Resumes at `count` random versions of `changes`, which must end with the newest change there is. */
export async function resumeAnywhere(
  transport: Transport,
  changes: readonly Change[],
  { count, random }: { readonly count: number; readonly random: Random },
  signal: AbortSignal,
): Promise<Resumes> {
  const wrong: bigint[] = [];
  let [exact, expired] = [0, 0];
  for (let round = 0; round < count; round += 1) {
    const at = Math.floor(random() * changes.length);
    const after = changes[at]?.version ?? 0n;
    const told = await resume(transport, after, changes.at(-1)?.version ?? 0n, signal);
    const rest = changes.slice(at + 1).map(({ version }) => version);
    if (told === 'expired') expired += 1;
    else if (told.join() === rest.join()) exact += 1;
    else wrong.push(after);
  }
  return { exact, expired, wrong };
}

async function resume(transport: Transport, after: bigint, last: bigint, signal: AbortSignal): Promise<readonly bigint[] | 'expired'> {
  const told: bigint[] = [];
  // At the newest version nothing may come; a short while tells as much as a long one.
  const enough = new AbortController();
  const ending = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(after === last ? 100 : 10_000)]);
  const { ended } = await follow(
    transport,
    after,
    ({ type, version }) => {
      if (type !== 'BOOKMARK') told.push(version);
      if (version >= last) enough.abort();
    },
    ending,
  );
  return ended === 'expired' ? 'expired' : told;
}
