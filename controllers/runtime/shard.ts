import { isAborted } from '../../apis/meta/aborted.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Log } from '../../apis/meta/log.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { keyOf, type Client, type ObjectKey } from '../../client/client.ts';
import type { Recorder } from '../../client/recorder.ts';
import { cacheKey } from '../../client/reflector.ts';
import type { DeviceHint } from '../../drivers/contract/sessions.ts';
import { backoffMs } from './backoff.ts';
import { createBudget, type Budget } from './budget.ts';
import type { AnyController, Authority, Refusal, Round, Views } from './controller.ts';
import { createQueue, PRIORITY, type Priority, type Queue, type QueueView, type Verdict, type Work } from './queue.ts';
import { reconcile, type RoundEnd } from './reconcile.ts';

export interface ShardOptions {
  readonly name: string;
  readonly client: Client;
  readonly views: Views;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly recorder: Recorder;
  readonly controllers: readonly AnyController[];
  readonly authority: () => Authority;
  /** Throws once this process may no longer be the shard's leader. */
  readonly check: () => void;
  /** Moves the epoch above one that a driver has seen. */
  readonly raise: (above: number, signal: AbortSignal) => Promise<void>;
}

/** One shard, while it is led: a queue for each kind. */
export interface Shard {
  /** Makes what a hint is about worth a look. */
  hear(hint: DeviceHint): void;
  view(): Readonly<Record<string, QueueView>>;
  /** Works until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const WORKERS = 8;
const CALLS_PER_ENDPOINT = 8;
/** A round that takes longer waits for its device: it gives its worker to the next object and counts against its endpoint only. */
const SLOW_MS = 50;
/** Rounds in a row that may ask for the next one at once; who still moves after that does so ever more slowly. */
const MAX_STREAK = 10;
/** What keeps failing, or moving, is not woken by news (perhaps of its own making) sooner than this. */
const MAX_QUIET_MS = 5_000;
const RESYNC_MS = 300_000;
const WAITING_MS = 60_000;
/** A round that takes longer is broken off: its calls have deadlines of their own, and nothing in it waits for hardware. */
const ROUND_MS = 60_000;

interface Room {
  readonly controller: AnyController;
  readonly queue: Queue;
  readonly budget: Budget;
  readonly refusals: Map<string, Refusal>;
  readonly failures: Map<string, Refusal>;
  /** Keys of the kind's objects, by uid: what a hint names. */
  readonly keys: Map<string, string>;
}

/** The controllers' work on the objects of one shard. */
export function createShard(options: ShardOptions): Shard {
  const rooms: readonly Room[] = options.controllers.map((controller) => {
    const queue = createQueue(options.clock);
    const budget = createBudget(CALLS_PER_ENDPOINT, (key) => {
      queue.add(key, PRIORITY.change);
    });
    return { controller, queue, budget, refusals: new Map(), failures: new Map(), keys: new Map() };
  });
  return {
    hear: (hint) => {
      for (const room of rooms) hear(room, options.views, hint);
    },
    view: () => Object.fromEntries(rooms.map(({ controller, queue }) => [controller.kind.kind, queue.view()])),
    async run(signal) {
      const stops = rooms.flatMap((room) => listen(room, options));
      try {
        for (const room of rooms) addAll(room, options, PRIORITY.change);
        const queues = rooms.map((room) => room.queue.run(WORKERS, (...what) => work(room, options, what, signal), signal));
        await Promise.all([...queues, sweep(rooms, options, signal)]);
      } finally {
        for (const stop of stops) stop();
      }
    },
  };
}

/** Adds the objects of this shard. Others that come to belong to it are added when something changes, and by the next sweep at the latest. */
function addAll({ controller, queue, keys }: Room, { views, name }: ShardOptions, priority: Priority): void {
  for (const object of views.of(controller.kind).list()) {
    const key = cacheKey(object.metadata);
    keys.set(object.metadata.uid, key);
    if (controller.shardOf(object) === name) queue.add(key, priority);
  }
}

/** Finds objects that became this shard's without any change that their controller hears of. */
async function sweep(rooms: readonly Room[], options: ShardOptions, signal: AbortSignal): Promise<void> {
  while (!isAborted(signal)) {
    await options.clock.sleep(RESYNC_MS * (0.75 + options.random() / 2), signal).catch(() => undefined);
    if (!isAborted(signal)) for (const room of rooms) addAll(room, options, PRIORITY.resync);
  }
}

/** Follows the controller's own kind and the kinds that it depends on; returns how to stop. */
function listen({ controller, queue, refusals, failures, keys }: Room, { views }: ShardOptions): readonly (() => void)[] {
  const own = views.of(controller.kind).onChange(({ old, object }) => {
    const metadata = (object ?? old)?.metadata;
    if (metadata === undefined) return;
    if (object !== undefined) keys.set(object.metadata.uid, cacheKey(object.metadata));
    else if (old !== undefined) {
      keys.delete(old.metadata.uid);
      forget(refusals, old);
      forget(failures, old);
    }
    queue.add(cacheKey(metadata), metadata.deletionTimestamp === undefined ? PRIORITY.change : PRIORITY.deletion);
  });
  const others = controller.triggers.map((trigger) =>
    views.of(trigger.kind).onChange(({ old, object }) => {
      const keys = new Map<string, ObjectKey>();
      for (const one of [old, object]) if (one !== undefined) for (const key of trigger.keysOf(one)) keys.set(cacheKey(key), key);
      // What somebody declared anew may cure what a driver refused.
      const declared = old?.metadata.generation !== object?.metadata.generation;
      for (const [text, key] of keys) {
        const dependent = declared ? views.of(controller.kind).get(key) : undefined;
        if (dependent !== undefined) forget(refusals, dependent);
        queue.add(text, PRIORITY.change);
      }
    }),
  );
  return [own, ...others];
}

function traceOf({ metadata }: ApiObject): string {
  return `${metadata.uid}.${String(metadata.generation)}`;
}

function forget(refusals: Map<string, Refusal>, object: ApiObject): void {
  refusals.delete(traceOf(object));
}

function hear({ controller, queue, keys }: Room, views: Views, { endpointUid, uid }: DeviceHint): void {
  for (const named of [uid, endpointUid]) {
    const key = keys.get(named);
    if (key !== undefined) queue.add(key, PRIORITY.change);
  }
  if (uid !== '' && endpointUid !== '') return;
  for (const object of views.of(controller.kind).list()) {
    const meant = endpointUid === '' ? uid === '' : controller.endpointOf(object) === endpointUid;
    if (meant) queue.add(cacheKey(object.metadata), PRIORITY.change);
  }
}

/** Does `then` after `ms`, unless what is returned is called first. */
function after(clock: Clock, ms: number, then: () => void, signal: AbortSignal): () => Promise<void> {
  const ending = new AbortController();
  const timer = clock.sleep(ms, AbortSignal.any([signal, ending.signal])).then(then, () => undefined);
  return () => {
    ending.abort(new Error('not needed any more'));
    return timer;
  };
}

async function work(room: Room, options: ShardOptions, [key, priority, detach]: Parameters<Work>, signal: AbortSignal): Promise<Verdict> {
  const { controller, queue, budget } = room;
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  const object = options.views.of(controller.kind).get(slash === 0 ? { name } : { namespace: key.slice(0, slash), name });
  const ours = object !== undefined && controller.shardOf(object) === options.name;
  const endpoint = ours ? controller.endpointOf(object) : undefined;
  if (endpoint === undefined) budget.leave(key);
  if (!ours) return { next: 'drop' };
  if (endpoint !== undefined && !budget.take(endpoint, key)) {
    return { next: 'park', ms: WAITING_MS, why: 'as many calls as its device may have are under way', failed: false };
  }
  const attached = endpoint === undefined ? undefined : after(options.clock, SLOW_MS, detach, signal);
  try {
    return verdictOf(await round(room, options, object, signal), queue, key, options.random);
  } catch (error) {
    if (!signal.aborted) report(options, object, error, priority);
    const retryAfterMs = error instanceof ApiError ? (error.details.retryAfterSeconds ?? 0) * 1000 : 0;
    return failed(error instanceof Error ? error.message : 'failed', retryAfterMs, queue.failuresOf(key), options.random);
  } finally {
    await attached?.();
    if (endpoint !== undefined) budget.give(endpoint);
  }
}

/** `atLeastMs` is what somebody else asked for: it counts up to the resync, and nonsense not at all. */
function failed(why: string, atLeastMs: number, failures: number, random: () => number): Verdict {
  const ms = Math.max(atLeastMs > 0 ? Math.min(atLeastMs, RESYNC_MS) : 0, backoffMs(failures + 1, random));
  return { next: 'park', ms, why, failed: true, quietMs: failures === 0 ? 0 : Math.min(ms, MAX_QUIET_MS) };
}

function report({ log, name }: ShardOptions, { kind, metadata }: ApiObject, error: unknown, priority: Priority): void {
  const expected = error instanceof ApiError && error.reason !== 'InternalError';
  const fields = { err: error, shard: name, kind, object: metadata.name, priority };
  if (expected) log.info(fields, 'the round failed');
  else log.error(fields, 'the round failed');
}

async function round(
  { controller, refusals, failures }: Room,
  options: ShardOptions,
  seen: ApiObject,
  signal: AbortSignal,
): Promise<RoundEnd> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const late = (): void => {
    ending.abort(new ApiError('Timeout', 'the round took too long'));
  };
  const inTime = after(options.clock, ROUND_MS, late, signal);
  try {
    // The view may lag behind our own last write; deciding on that would only end in a Conflict.
    const object = await options.client.get(controller.kind, keyOf(seen), both);
    if (object === undefined || controller.shardOf(object) !== options.name) return { end: 'gone' };
    const refused = refusals.get(traceOf(object));
    const { authority, check } = options;
    const given: Round = { authority: authority(), trace: traceOf(object), check, ...(refused !== undefined && { refused }) };
    return await reconcile(controller, object, given, { ...options, refusals, failures, onStaleEpoch: options.raise }, both);
  } finally {
    await inTime();
  }
}

function verdictOf(end: RoundEnd, queue: Queue, key: string, random: () => number): Verdict {
  switch (end.end) {
    case 'gone':
      return { next: 'drop' };
    case 'moved':
    case 'stale': {
      const over = queue.streakOf(key) - MAX_STREAK;
      if (over < 0) return { next: 'again', priority: PRIORITY.change };
      const ms = backoffMs(over + 1, random);
      return { next: 'park', ms, why: 'it moves again and again and does not arrive', failed: false, quietMs: Math.min(ms, MAX_QUIET_MS) };
    }
    case 'failed':
      return failed(end.why, end.retryAfterMs ?? 0, queue.failuresOf(key), random);
    case 'settled': {
      const ms = end.lookAgainMs ?? RESYNC_MS * (0.75 + random() / 2);
      return { next: 'park', ms, why: end.waitsFor ?? 'settled', failed: false };
    }
  }
}
