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
  | { readonly next: 'park'; readonly ms: number; readonly why: string; readonly failed: boolean };

/** Keys to be worked on: each at most once in the queue, and by one worker at a time. */
export interface Queue {
  /** Makes a key ready; one that is being worked on is worked on again afterwards; one that is parked is woken. */
  add(key: string, priority: Priority): void;
  /** How often in a row the key's work has failed. */
  failuresOf(key: string): number;
  view(): QueueView;
  /** Works until the signal aborts; resolves when the last worker has ended. `work` must not reject. */
  run(workers: number, work: (key: string, priority: Priority) => Promise<Verdict>, signal: AbortSignal): Promise<void>;
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
}

const MAX_SLEEP_MS = 60_000;
/** Looking at all that is parked costs time in proportion to their number: not more often than this. */
const MIN_SLEEP_MS = 20;

/** Everything that a queue knows. */
interface State {
  readonly clock: Clock;
  readonly entries: Map<string, Entry>;
  /** Keys that are ready, by priority; a key that was raised leaves a stale copy behind. */
  readonly ready: readonly [string[], string[], string[], string[]];
  /** Workers that have nothing to do. */
  readonly idle: (() => void)[];
  done: number;
  failed: number;
  /** When the parked are looked at next; a key that is due earlier cuts the sleep short. */
  dueMs: number;
  rearm: () => void;
}

function push({ clock, ready, idle }: State, entry: Entry, priority: Priority): void {
  entry.state = 'ready';
  entry.priority = priority;
  entry.atMs = clock.monotonic();
  ready[priority].push(entry.key);
  idle.shift()?.();
}

function add(state: State, key: string, priority: Priority): void {
  const entry = state.entries.get(key);
  if (entry === undefined) {
    const made: Entry = { key, state: 'ready', priority, atMs: 0, again: undefined, why: '', failures: 0 };
    state.entries.set(key, made);
    push(state, made, priority);
  } else if (entry.state === 'working') entry.again = Math.min(entry.again ?? priority, priority) as Priority;
  else if (entry.state === 'parked') {
    // A resync does not shorten what a failure is waiting for; news of the object or its surroundings does.
    if (priority < PRIORITY.resync) push(state, entry, priority);
  } else if (priority < entry.priority) push(state, entry, priority);
}

function take({ ready, entries }: State): Entry | undefined {
  for (const [priority, keys] of ready.entries()) {
    for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
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
  if (again !== undefined) push(state, entry, again);
  else if (verdict.next === 'again') push(state, entry, verdict.priority);
  else if (verdict.next === 'drop') state.entries.delete(entry.key);
  else {
    entry.state = 'parked';
    entry.atMs = state.clock.monotonic() + verdict.ms;
    entry.why = verdict.why;
    if (entry.atMs < state.dueMs) state.rearm();
  }
}

async function workUntil(state: State, work: (key: string, priority: Priority) => Promise<Verdict>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const entry = take(state);
    if (entry === undefined) {
      await new Promise<void>((resolve) => state.idle.push(resolve));
      continue;
    }
    entry.state = 'working';
    settle(state, entry, await work(entry.key, entry.priority));
  }
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
    ready: [[], [], [], []],
    idle: [],
    done: 0,
    failed: 0,
    dueMs: Number.POSITIVE_INFINITY,
    rearm: () => undefined,
  };
  return {
    add: (key, priority) => {
      add(state, key, priority);
    },
    failuresOf: (key) => state.entries.get(key)?.failures ?? 0,
    view: () => viewOf(state.entries.values(), clock.monotonic(), state),
    async run(workers, work, signal) {
      const wakeAll = (): void => {
        for (const wake of state.idle.splice(0)) wake();
      };
      signal.addEventListener('abort', wakeAll, { once: true });
      await Promise.all([wakeParked(state, signal), ...Array.from({ length: workers }, () => workUntil(state, work, signal))]);
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
