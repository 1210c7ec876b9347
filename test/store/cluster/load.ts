import { setTimeout as delay } from 'node:timers/promises';
import type { Transport } from '../../../apis/meta/request.ts';
import { eventually } from '../../cloud.ts';
import { reachOf, type Fault, type History, type Operation, type Outcome, type Snapshot } from './history.ts';
import { attempt, recordWatch, snapshot, type Attempt, type Recording } from './recorder.ts';

/** The part of acknowledged writes whose key is read just after them. */
const READ_BACK = 0.2;
/** Turns of so long ago can still be taken: what one moment held up the next makes good. */
const LATE_MS = 100;

/** A random number from 0 to 1, the same ones for the same seed. */
export type Random = () => number;

/** A small generator that is good enough to choose faults by (Weyl sequence and a multiplicative mix). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** What to put a store under. */
export interface LoadOptions {
  readonly transports: readonly Transport[];
  readonly random: Random;
  /** What its keys begin with, where others than "key" are in the store already. */
  readonly name?: string;
  readonly keys: number;
  /** Calls under way at most: so many that those which wait for an answer that never comes do not hold up the others. */
  readonly workers: number;
  readonly writesPerSecond: number;
  readonly seconds: number;
}

/** What disturbs a load: it tells each fault when that is over. */
export type Disturb = (told: (fault: Fault) => void, signal: AbortSignal) => Promise<void>;

/** Reads and writes through all servers while `disturb` runs, watches through all of them, and gives everything that was seen. */
export async function recordLoad(options: LoadOptions, disturb: Disturb, signal: AbortSignal): Promise<History> {
  const [first] = options.transports;
  if (first === undefined) throw new Error('a load needs a server');
  const start = await snapshot(first, signal);
  const snapshots: Snapshot[] = [start];
  const operations: Operation[] = [];
  const recordings: Recording[] = [];
  const faults: Fault[] = [];
  const stalls: string[] = [];
  const stalled = (error: unknown): undefined => void stalls.push(String(error));
  const over = new AbortController();
  const watching = AbortSignal.any([signal, over.signal]);
  const watchers = options.transports.flatMap((transport, at) => [
    watchAlways({ transport, name: `whole-${String(at)}`, start, recordings, snapshots, pauseMs: undefined }, options.random, watching),
    watchAlways({ transport, name: `resumed-${String(at)}`, start, recordings, snapshots, pauseMs: 2000 }, options.random, watching),
  ]);
  // Shared by all, so that most writes are made from what is newest, and only those that race are refused.
  const known = new Map<string, bigint>();
  const until = AbortSignal.any([signal, AbortSignal.timeout(options.seconds * 1000)]);
  const turn = createPace(options.writesPerSecond);
  await Promise.all([
    disturb((fault) => faults.push(fault), until).catch(stalled),
    ...Array.from({ length: options.workers }, (_, at) => work(options, { at, operations, known, turn }, until, signal)),
  ]);
  // Everything stands still now: each server must come to tell all of it.
  for (const transport of options.transports) {
    const listed = await eventuallyListed(transport, signal).catch(stalled);
    if (listed !== undefined) snapshots.push(listed);
  }
  await marked(options, operations, recordings, signal).catch(stalled);
  over.abort();
  await Promise.all(watchers);
  return { operations, watches: recordings.map(({ record }) => record), snapshots, faults, stalls };
}

/** Waits for one's turn; false where the signal aborted first. */
type Pace = (signal: AbortSignal) => Promise<boolean>;

/** Turns at a rate, shared by all who wait; those that nobody was free to take are lost, but for a moment's worth. */
function createPace(perSecond: number): Pace {
  const everyMs = 1000 / perSecond;
  let next = performance.now();
  return async (signal) => {
    next = Math.max(next + everyMs, performance.now() - LATE_MS);
    const ms = next - performance.now();
    if (ms > 0) await delay(ms, undefined, { signal }).catch(() => undefined);
    return !signal.aborted;
  };
}

/** A write after all others, which every watch must reach. */
async function marked(options: LoadOptions, operations: Operation[], recordings: readonly Recording[], signal: AbortSignal): Promise<void> {
  const [first] = options.transports;
  if (first === undefined) return;
  const last = await eventually('the last write is acknowledged', 30_000, async () => {
    const operation = await attempt(
      first,
      { key: `last-${String(performance.now())}`, do: 'create', value: `last ${String(performance.now())}` },
      signal,
    );
    operations.push(operation);
    return operation.outcome.is === 'done' ? operation.outcome.version : undefined;
  });
  await eventually('every server has told its watches the last write', 30_000, () => {
    const reached = new Set(recordings.filter(({ record }) => reachOf(record) >= last).map(({ record }) => record.name));
    return reached.size === options.transports.length * 2 || undefined;
  });
}

function eventuallyListed(transport: Transport, signal: AbortSignal): Promise<Snapshot> {
  return eventually('a list is answered', 60_000, () => snapshot(transport, signal).catch(() => undefined));
}

interface Watching {
  readonly transport: Transport;
  readonly name: string;
  readonly start: Snapshot;
  readonly recordings: Recording[];
  readonly snapshots: Snapshot[];
  /** Ends each watch about this long after its start, and resumes at any version that it saw; undefined: never. */
  readonly pauseMs: number | undefined;
}

/** One watch after the other, each resumed where an earlier one was; after 410 from a list. */
async function watchAlways(watching: Watching, random: Random, signal: AbortSignal): Promise<void> {
  const { transport, name, recordings, snapshots, pauseMs } = watching;
  let after = watching.start.version;
  while (!stopped(signal)) {
    const own = pauseMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(Math.round(pauseMs * (0.5 + random())))]);
    const recording = recordWatch(transport, name, after, own);
    recordings.push(recording);
    const { ended } = await recording.done;
    if (stopped(signal)) return;
    const { lines } = recording.record;
    // Any version that was seen is one to resume at; a whole watch goes on at the last.
    const at = pauseMs === undefined ? lines.length - 1 : Math.max(lines.length - 1 - Math.floor(random() * 50), 0);
    after = lines[at]?.version ?? after;
    if (ended === 'expired') {
      const listed = await snapshot(transport, signal).catch(() => undefined);
      if (listed === undefined) continue;
      snapshots.push(listed);
      after = listed.version;
    } else if (pauseMs === undefined || lines.length === 0) await delay(50, undefined, { signal }).catch(() => undefined);
  }
}

/** A function, because an abort between two awaits is invisible to the compiler. */
function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

interface Worker {
  readonly at: number;
  readonly operations: Operation[];
  /** The newest version known of each key; 0 where it exists at one that is not known. */
  readonly known: Map<string, bigint>;
  readonly turn: Pace;
}

/** One caller: reads and writes random keys when it is its turn, each write made from what was known last. */
async function work(options: LoadOptions, { at, operations, known, turn }: Worker, until: AbortSignal, signal: AbortSignal): Promise<void> {
  const { transports, random, name = 'key', keys } = options;
  async function call(what: Attempt, server: number): Promise<Outcome> {
    const transport = transports[server % transports.length];
    if (transport === undefined) throw new Error('a load needs a server');
    const operation = await attempt(transport, what, signal);
    operations.push(operation);
    return operation.outcome;
  }
  let reads = false;
  for (let count = 0; !stopped(until); count += 1) {
    // A read that was answered took no turn: the rate is that of the writes.
    if (!reads && !(await turn(until))) return;
    const key = `${name}-${String(Math.floor(random() * keys))}`;
    const what = choose(key, known.get(key), `${String(at)}-${String(count)}`, random());
    const outcome = await call(what, at + count);
    if (outcome.is === 'done') known.set(key, outcome.version);
    else if (outcome.is === 'removed' || outcome.is === 'absent') known.delete(key);
    else known.set(key, 0n);
    reads = what.do === 'get' && outcome.is !== 'unserved' && outcome.is !== 'unknown';
    // At once and through another server, where there is one: what was acknowledged must be seen.
    if (what.do !== 'get' && (outcome.is === 'done' || outcome.is === 'removed') && random() < READ_BACK)
      await call({ key, do: 'get' }, at + count + 1);
  }
}

function choose(key: string, version: bigint | undefined, value: string, chance: number): Attempt {
  if (version === 0n || chance < 0.2) return { key, do: 'get' };
  if (version === undefined) return { key, do: 'create', value };
  return chance < 0.35 ? { key, do: 'delete', expected: version } : { key, do: 'update', value, expected: version };
}
