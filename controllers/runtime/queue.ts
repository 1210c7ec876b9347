import type { Clock } from '../../apis/meta/clock.ts';

/** Smaller goes first. */
export const PRIORITY = { deletion: 0, change: 1, retry: 2, resync: 3 } as const;

export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** What a key waits for, and until when on the monotonic clock. */
export interface Parked {
  readonly key: string;
  readonly why: string;
  readonly nextTryMs: number;
  readonly failures: number;
}

/** A queue as people look at it; times are ms. */
export interface QueueView {
  readonly depth: number;
  /** How long the oldest key has been ready to be worked on. */
  readonly oldestMs: number;
  readonly inFlight: readonly string[];
  readonly parked: readonly Parked[];
  readonly done: number;
  readonly failed: number;
}

/** Says when a key is to be looked at again, and why it waits. */
export type Verdict =
  | { readonly next: 'drop' }
  | { readonly next: 'again'; readonly priority: Priority }
  /** With `quietMs`, news does not wake it sooner than that: what fails over and over may well make the news itself. */
  | { readonly next: 'park'; readonly ms: number; readonly why: string; readonly failed: boolean; readonly quietMs?: number };

/** Works on one key and never rejects. `detach` lets the next key begin although this one goes on: for work that waits for a device. */
export type Work = (key: string, priority: Priority, detach: () => void) => Promise<Verdict>;

/** Keys to be worked on: each at most once in the queue, and by one worker at a time. */
export interface Queue {
  /** Makes a key ready; one that is being worked on is worked on again afterwards; one that is parked is woken. */
  add(key: string, priority: Priority): void;
  /** How often in a row the key's work has failed. */
  failuresOf(key: string): number;
  /** How many rounds of work the key has had since it was last settled. */
  streakOf(key: string): number;
  view(): QueueView;
  /** Works on at most `workers` keys at once, detached ones not counted, until the signal aborts; resolves when the last work has ended. */
  run(workers: number, work: Work, signal: AbortSignal): Promise<void>;
}

interface Entry {
  readonly key: string;
  /** Where it stands: ready at a priority, being worked on, or parked. */
  state: 'ready' | 'working' | 'parked';
  priority: Priority;
  /** Since when it is ready, or until when it is parked. */
  atMs: number;
  /** Asked for again while it was worked on. */
  again: Priority | undefined;
  why: string;
  failures: number;
  streak: number;
  /** News does not wake it before this. */
  quietUntilMs: number;
}

/** First in, first out, without moving what is left at every step. */
interface Line {
  readonly keys: string[];
  head: number;
}

const MAX_SLEEP_MS = 60_000;
/** Looking at all that is parked costs time in proportion to their number: not more often than this. */
const MIN_SLEEP_MS = 20;

/** Everything that a queue knows. */
interface State {
  readonly clock: Clock;
  readonly entries: Map<string, Entry>;
  /** Keys that are ready, by priority; a key that was raised leaves a stale copy behind. */
  readonly ready: readonly Line[];
  /** How many more keys may be worked on now. */
  free: number;
  done: number;
  failed: number;
  /** When the parked are looked at next; a key that is due earlier cuts the sleep short. */
  dueMs: number;
  rearm: () => void;
  /** Begins what is ready, soon: whoever adds a key never runs its work. */
  start: () => void;
}

function push(state: State, entry: Entry, priority: Priority): void {
  entry.state = 'ready';
  entry.priority = priority;
  entry.atMs = state.clock.monotonic();
  state.ready[priority]?.keys.push(entry.key);
  state.start();
}

function wake(state: State, entry: Entry, priority: Priority): void {
  const { quietUntilMs } = entry;
  if (quietUntilMs <= state.clock.monotonic()) push(state, entry, priority);
  else if (entry.atMs > quietUntilMs) park(state, entry, quietUntilMs);
}

function park(state: State, entry: Entry, untilMs: number): void {
  entry.state = 'parked';
  entry.atMs = untilMs;
  if (untilMs < state.dueMs) state.rearm();
}

function add(state: State, key: string, priority: Priority): void {
  const entry = state.entries.get(key);
  if (entry === undefined) {
    const fresh = { atMs: 0, again: undefined, why: '', failures: 0, streak: 0, quietUntilMs: 0 };
    const made: Entry = { key, state: 'ready', priority, ...fresh };
    state.entries.set(key, made);
    push(state, made, priority);
  } else if (entry.state === 'working') entry.again = Math.min(entry.again ?? priority, priority) as Priority;
  else if (entry.state === 'parked') {
    // A resync does not shorten what a failure is waiting for; news of the object or its surroundings does.
    if (priority < PRIORITY.resync) wake(state, entry, priority);
  } else if (priority < entry.priority) push(state, entry, priority);
}

function shift(line: Line): string | undefined {
  const key = line.keys[line.head];
  if (key !== undefined) line.head += 1;
  if (line.head > 1024 && line.head * 2 > line.keys.length) line.keys.splice(0, line.head);
  else if (line.head === line.keys.length) line.keys.length = 0;
  else return key;
  line.head = 0;
  return key;
}

function take({ ready, entries }: State): Entry | undefined {
  for (const [priority, line] of ready.entries()) {
    for (let key = shift(line); key !== undefined; key = shift(line)) {
      const entry = entries.get(key);
      if (entry?.state === 'ready' && entry.priority === priority) return entry;
    }
  }
  return undefined;
}

function settle(state: State, entry: Entry, verdict: Verdict): void {
  const { again } = entry;
  const failed = verdict.next === 'park' && verdict.failed;
  state.done += 1;
  state.failed += failed ? 1 : 0;
  entry.again = undefined;
  entry.failures = failed ? entry.failures + 1 : 0;
  if (verdict.next === 'drop') {
    if (again === undefined) state.entries.delete(entry.key);
    else push(state, entry, again);
  } else if (verdict.next === 'again') {
    entry.streak += 1;
    push(state, entry, Math.min(again ?? verdict.priority, verdict.priority) as Priority);
  } else {
    const { ms, why, quietMs = 0 } = verdict;
    const now = state.clock.monotonic();
    if (failed || quietMs > 0) entry.streak += 1;
    else entry.streak = 0;
    entry.quietUntilMs = now + quietMs;
    entry.why = why;
    park(state, entry, now + ms);
    if (again !== undefined) wake(state, entry, again);
  }
}

async function workOn(state: State, entry: Entry, work: Work): Promise<void> {
  let attached = true;
  const detach = (): void => {
    if (!attached) return;
    attached = false;
    state.free += 1;
    state.start();
  };
  settle(state, entry, await work(entry.key, entry.priority, detach));
  detach();
}

/** Begins work whenever a key is ready and a place is free; returns how to wait for all that was begun. */
function begin(state: State, work: Work, signal: AbortSignal): () => Promise<unknown> {
  const begun = new Set<Promise<void>>();
  let soon = false;
  const fill = (): void => {
    soon = false;
    while (state.free > 0 && !signal.aborted) {
      const entry = take(state);
      if (entry === undefined) return;
      entry.state = 'working';
      state.free -= 1;
      const one: Promise<void> = workOn(state, entry, work).finally(() => begun.delete(one));
      begun.add(one);
    }
  };
  state.start = () => {
    if (soon) return;
    soon = true;
    queueMicrotask(fill);
  };
  state.start();
  return () => Promise.all(begun);
}

async function wakeParked(state: State, signal: AbortSignal): Promise<void> {
  const { clock } = state;
  while (!signal.aborted) {
    const now = clock.monotonic();
    let nextMs = now + MAX_SLEEP_MS;
    for (const entry of state.entries.values()) {
      if (entry.state !== 'parked') continue;
      if (entry.atMs <= now) push(state, entry, entry.failures > 0 ? PRIORITY.retry : PRIORITY.resync);
      else nextMs = Math.min(nextMs, entry.atMs);
    }
    const ending = new AbortController();
    state.rearm = () => {
      ending.abort(new Error('something is due earlier'));
    };
    state.dueMs = Math.max(now + MIN_SLEEP_MS, nextMs);
    await clock.sleep(state.dueMs - now, AbortSignal.any([signal, ending.signal])).catch(() => undefined);
  }
}

/** The one queue of the house; `clock` gives the time and the timer for what is parked. */
export function createQueue(clock: Clock): Queue {
  const state: State = {
    clock,
    entries: new Map(),
    ready: Object.values(PRIORITY).map(() => ({ keys: [], head: 0 })),
    free: 0,
    done: 0,
    failed: 0,
    dueMs: Number.POSITIVE_INFINITY,
    rearm: () => undefined,
    start: () => undefined,
  };
  return {
    add: (key, priority) => {
      add(state, key, priority);
    },
    failuresOf: (key) => state.entries.get(key)?.failures ?? 0,
    streakOf: (key) => state.entries.get(key)?.streak ?? 0,
    view: () => viewOf(state.entries.values(), clock.monotonic(), state),
    async run(workers, work, signal) {
      state.free = workers;
      const ended = begin(state, work, signal);
      await wakeParked(state, signal);
      await ended();
    },
  };
}

function viewOf(entries: Iterable<Entry>, now: number, { done, failed }: { readonly done: number; readonly failed: number }): QueueView {
  const all = [...entries];
  const waiting = all.filter(({ state }) => state === 'ready');
  return {
    depth: waiting.length,
    oldestMs: waiting.reduce((oldest, { atMs }) => Math.max(oldest, now - atMs), 0),
    inFlight: all.filter(({ state }) => state === 'working').map(({ key }) => key),
    parked: all.flatMap(({ state, key, why, atMs, failures }) =>
      state === 'parked' ? [{ key, why, nextTryMs: Math.max(0, atMs - now), failures }] : [],
    ),
    done,
    failed,
  };
}
