import type { Clock } from '../../apis/meta/clock.ts';
import { linkedTo } from '../../apis/meta/linked.ts';
import { createHistogram, SECONDS, type HistogramRecord } from '../../apis/meta/metrics.ts';
import { createDue, EARLIER, type Due } from './due.ts';
import { contentOf, createRecent, type ParkClass, type QueueView, type Recent } from './queue-view.ts';

/** Smaller goes first. */
export const PRIORITY = { deletion: 0, change: 1, retry: 2, resync: 3 } as const;

export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** Says when a key is to be looked at again, and why it waits. */
export type Verdict =
  | { readonly next: 'drop' }
  | { readonly next: 'again'; readonly priority: Priority }
  /** With `quietMs`, news does not wake it sooner than that: what fails over and over may well make the news itself. */
  | {
      readonly next: 'park';
      readonly ms: number;
      readonly why: string;
      readonly failed: boolean;
      readonly quietMs?: number;
      /** `failed` or `waiting` where it is not given. */
      readonly as?: ParkClass;
      /** With what it goes when it is due; with retries or the resync where it is not given. */
      readonly due?: Priority;
    };

/** Works on one key and never rejects. `detach` lets the next key begin although this one goes on: for work that waits for a device. */
export type Work = (key: string, priority: Priority, detach: () => void) => Promise<Verdict>;

/** How a queue works; it may change at any time. */
export interface QueueSettings {
  /** Keys that are worked on at once, detached ones not counted. */
  readonly workers: number;
  /** Pieces of work begun a second, at most; absent: as many as there are workers for. */
  readonly rate?: number;
  /** Why no work is begun now; absent: it is. */
  readonly paused?: string;
}

/** Keys to be worked on: each at most once in the queue, and by one worker at a time. */
export interface Queue {
  /** Makes a key ready; one that is being worked on is worked on again afterwards; one that is parked is woken. */
  add(key: string, priority: Priority): void;
  /** How many keys it holds. */
  size(): number;
  /** How often in a row the key's work has failed. */
  failuresOf(key: string): number;
  /** How many rounds of work the key has had since it was last settled. */
  streakOf(key: string): number;
  view(): QueueView;
  /** Works so from now on; what is under way goes on. */
  configure(settings: QueueSettings): void;
  /** Works on keys as it is configured until the signal aborts; resolves when the last work has ended. */
  run(work: Work, signal: AbortSignal): Promise<void>;
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
  as: ParkClass;
  why: string;
  failures: number;
  streak: number;
  /** News does not wake it before this. */
  quietUntilMs: number;
  due: Priority | undefined;
}

/** First in, first out, without moving what is left at every step. */
interface Line {
  readonly keys: string[];
  head: number;
}

const MAX_SLEEP_MS = 60_000;
/** Timers are late: what a bounded rate has missed in so long may be made good at once. */
const BURST_MS = 100;
/** Work is begun for so long without a pause; what nobody waits for is in no hurry. */
const TURN_MS = 5;
const RESYNC_TURN_MS = 1;
/** So many keys are woken without a pause. */
const SLICE = 1_000;
/** A queue without further settings. */
export const QUEUE_DEFAULTS: QueueSettings = { workers: 32 };

/** Everything that a queue knows. */
interface State {
  readonly clock: Clock;
  readonly entries: Map<string, Entry>;
  /** Keys that are ready, by priority; a key that was raised leaves a stale copy behind. */
  readonly ready: readonly Line[];
  readonly due: Due<Entry>;
  readonly recent: Recent;
  readonly durations: HistogramRecord;
  settings: QueueSettings;
  /** How many keys are worked on by a worker now. */
  busy: number;
  /** Since when work is begun without a pause. */
  turnMs: number;
  /** Where the rate is bounded: when the next piece of work may begin. */
  nextBeginMs: number;
  adds: number;
  done: number;
  failed: number;
  retries: number;
  /** When there is something to do next; what is due earlier cuts the sleep short. */
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
  state.due.add(entry, untilMs);
  if (untilMs < state.dueMs) state.rearm();
}

function add(state: State, key: string, priority: Priority): void {
  state.adds += 1;
  const entry = state.entries.get(key);
  if (entry === undefined) {
    const fresh = { atMs: 0, again: undefined, as: 'waiting' as const, why: '', failures: 0, streak: 0, quietUntilMs: 0, due: undefined };
    const made: Entry = { key, state: 'ready', priority, ...fresh };
    state.entries.set(key, made);
    push(state, made, priority);
  } else if (entry.state === 'working') entry.again = Math.min(entry.again ?? priority, priority) as Priority;
  else if (entry.state === 'parked') {
    // A resync does not shorten what a failure is waiting for; news of the object or its surroundings does.
    if (priority < PRIORITY.resync) wake(state, entry, priority);
  } else if (priority < entry.priority) push(state, entry, priority);
}

/** Throws the head of a line away. */
function shift(line: Line): void {
  if (line.head < line.keys.length) line.head += 1;
  if (line.head > 1024 && line.head * 2 > line.keys.length) line.keys.splice(0, line.head);
  else if (line.head === line.keys.length) line.keys.length = 0;
  else return;
  line.head = 0;
}

/** The key at the head of a line that is ready at that priority; stale copies before it are thrown away. */
function headOf({ entries }: State, line: Line, priority: number): Entry | undefined {
  for (let key = line.keys[line.head]; key !== undefined; key = line.keys[line.head]) {
    const entry = entries.get(key);
    if (entry?.state === 'ready' && entry.priority === priority) return entry;
    shift(line);
  }
  return undefined;
}

/** The next key to be worked on, if `mayBegin` lets one begin. */
function take(state: State, mayBegin: (state: State) => boolean): Entry | undefined {
  for (const [priority, line] of state.ready.entries()) {
    const entry = headOf(state, line, priority);
    if (entry === undefined) continue;
    if (!mayBegin(state)) return undefined;
    shift(line);
    return entry;
  }
  return undefined;
}

function settle(state: State, entry: Entry, verdict: Verdict): void {
  const { again } = entry;
  const failed = verdict.next === 'park' && verdict.failed;
  state.done += 1;
  state.recent.count();
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
    const { ms, why, quietMs = 0, as = failed ? 'failed' : 'waiting' } = verdict;
    const now = state.clock.monotonic();
    if (failed || quietMs > 0) entry.streak += 1;
    else entry.streak = 0;
    entry.quietUntilMs = now + quietMs;
    entry.due = verdict.due;
    entry.as = as;
    entry.why = why;
    park(state, entry, now + ms);
    if (again !== undefined) wake(state, entry, again);
  }
}

async function workOn(state: State, entry: Entry, work: Work): Promise<void> {
  const beganMs = state.clock.monotonic();
  let attached = true;
  const detach = (): void => {
    if (!attached) return;
    attached = false;
    state.busy -= 1;
    state.start();
  };
  if (entry.failures > 0) state.retries += 1;
  const verdict = await work(entry.key, entry.priority, detach);
  state.durations.observe((state.clock.monotonic() - beganMs) / 1000);
  settle(state, entry, verdict);
  detach();
}

/** Whether the rate lets a piece of work begin now; where it does not, the sleeper is told when it will. */
function isTime(state: State): boolean {
  const { rate } = state.settings;
  if (rate === undefined) return true;
  const now = state.clock.monotonic();
  if (state.nextBeginMs > now) {
    if (state.nextBeginMs < state.dueMs) state.rearm();
    return false;
  }
  state.nextBeginMs = Math.max(state.nextBeginMs, now - BURST_MS) + 1000 / rate;
  return true;
}

/** Begins work whenever a key is ready and a place is free; returns how to wait for all that was begun. */
function begin(state: State, work: Work, signal: AbortSignal): () => Promise<unknown> {
  const begun = new Set<Promise<void>>();
  let soon = false;
  let turnMs = TURN_MS;
  /** Nothing was ready and nothing worked on: not that all that was begun has ended, which it may do again and again without a pause. */
  let idle = true;
  /** Begins no more until timers and sockets have had their turn: work that waits for neither would starve them. */
  const pause = (): void => {
    soon = true;
    void state.clock
      .sleep(0, signal)
      .catch(() => undefined)
      .then(() => {
        state.turnMs = state.clock.monotonic();
        fill();
      });
  };
  const fill = (): void => {
    soon = false;
    if (idle) state.turnMs = state.clock.monotonic();
    idle = false;
    while (state.settings.paused === undefined && state.busy < state.settings.workers && !signal.aborted) {
      if (state.clock.monotonic() - state.turnMs > turnMs) {
        pause();
        return;
      }
      const entry = take(state, isTime);
      if (entry === undefined) {
        idle = state.busy === 0;
        return;
      }
      turnMs = entry.priority === PRIORITY.resync ? RESYNC_TURN_MS : TURN_MS;
      entry.state = 'working';
      state.busy += 1;
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

/** Wakes what is due, and begins what the rate let wait. */
async function wakeDue(state: State, signal: AbortSignal): Promise<void> {
  const { clock, due } = state;
  while (!signal.aborted) {
    const now = clock.monotonic();
    // In slices: what is ready is begun between them.
    for (let woken = 0, entry = due.take(now); entry !== undefined; entry = (woken += 1) < SLICE ? due.take(now) : undefined) {
      push(state, entry, entry.due ?? (entry.failures > 0 ? PRIORITY.retry : PRIORITY.resync));
    }
    const pacedMs = state.settings.rate !== undefined && state.nextBeginMs > now ? state.nextBeginMs : Number.POSITIVE_INFINITY;
    const ending = linkedTo(signal);
    state.rearm = () => {
      ending.abort(EARLIER);
    };
    state.dueMs = Math.min(now + MAX_SLEEP_MS, due.nextMs(), pacedMs);
    await clock.sleep(Math.max(0, state.dueMs - now), ending.signal).catch(() => undefined);
    ending.unlink();
    state.start();
  }
}

/** The one queue of the house; `clock` gives the time and the timer for what is parked. */
export function createQueue(clock: Clock, settings: QueueSettings = QUEUE_DEFAULTS): Queue {
  const entries = new Map<string, Entry>();
  const state: State = {
    clock,
    entries,
    ready: Object.values(PRIORITY).map(() => ({ keys: [], head: 0 })),
    due: createDue(
      (entry, atMs) => entry.state === 'parked' && entry.atMs === atMs,
      () => entries.size,
    ),
    recent: createRecent(clock),
    durations: createHistogram(SECONDS),
    settings,
    busy: 0,
    turnMs: 0,
    nextBeginMs: 0,
    adds: 0,
    done: 0,
    failed: 0,
    retries: 0,
    dueMs: Number.POSITIVE_INFINITY,
    rearm: () => undefined,
    start: () => undefined,
  };
  return {
    add: (key, priority) => {
      add(state, key, priority);
    },
    size: () => entries.size,
    failuresOf: (key) => entries.get(key)?.failures ?? 0,
    streakOf: (key) => entries.get(key)?.streak ?? 0,
    view: () => viewOf(state),
    configure(next) {
      state.settings = next;
      state.nextBeginMs = 0;
      state.start();
    },
    async run(work, signal) {
      const ended = begin(state, work, signal);
      await wakeDue(state, signal);
      await ended();
    },
  };
}

function viewOf({ clock, entries, settings, adds, done, failed, retries, recent, durations }: State): QueueView {
  const { workers, rate, paused } = settings;
  return {
    ...contentOf(entries.values(), clock.monotonic()),
    adds,
    done,
    failed,
    retries,
    perMinute: recent.perMinute(),
    workers,
    ...(rate !== undefined && { rate }),
    ...(paused !== undefined && { paused }),
    durations: durations.read(),
  };
}
