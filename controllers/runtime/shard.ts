import { isAborted } from '../../apis/meta/aborted.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Log } from '../../apis/meta/log.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { keyOf, type Client } from '../../client/client.ts';
import type { Recorder } from '../../client/recorder.ts';
import { cacheKey } from '../../client/reflector.ts';
import type { DeviceHint } from '../../drivers/contract/sessions.ts';
import { createAlarms, type Alarms } from './alarms.ts';
import type { AnyController, Authority, Refusal, Round, Views } from './controller.ts';
import { createDevices, type Devices } from './devices.ts';
import { createDriverGate } from './driver-gate.ts';
import { createGate, type Gate } from './gate.ts';
import { paced, UNPACED } from './pace.ts';
import { createPatience, type Patience } from './patience.ts';
import { createQueue, PRIORITY, QUEUE_DEFAULTS, type Priority, type Queue, type Verdict, type Work } from './queue.ts';
import type { QueueView } from './queue-view.ts';
import { reconcile, type RoundEnd } from './reconcile.ts';
import { createResync, RESYNC_MS, type Resync } from './resync.ts';
import { childLog } from './round-log.ts';
import type { Settings } from './settings.ts';
import { createSightings, type Sightings } from './sightings.ts';
import type { ServiceView } from './switchboard.ts';
import { SUMMARY_MS, wokenBy } from './trigger.ts';
import { failed, silenced, verdictOf, waiting } from './verdict.ts';
import type { Visit } from './visit.ts';
import { createWhereabouts, type Whereabouts } from './whereabouts.ts';

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
  /** How people want the queues to work; the defaults where it is not given. */
  readonly settings?: Settings;
  /** Places for calls by driver, shared by all shards of this process; its own where it is not given. */
  readonly drivers?: Gate;
  /** How often what is settled is looked at, shared likewise. */
  readonly resync?: Resync;
}

/** One shard, while it is led: a queue for each kind. */
export interface Shard {
  readonly name: string;
  /** Makes what a hint is about worth a look. */
  hear(hint: DeviceHint): void;
  view(): Readonly<Record<string, QueueView>>;
  /** Devices that are called now, or that do not answer. */
  devices(): readonly ServiceView[];
  /** Works until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** A round that takes longer is broken off: its calls have deadlines of their own, and nothing in it waits for hardware. */
const ROUND_MS = 60_000;
/** So many objects are added without a pause: others want to be served too. */
const SLICE = 500;

interface Room {
  readonly controller: AnyController;
  readonly queue: Queue;
  readonly devices: Devices;
  readonly alarms: Alarms;
  readonly resync: Resync;
  /** With rounds that have a device: one that takes longer gives its worker to the next object, and counts against its endpoint only. */
  readonly patience: Patience;
  /** Rounds under way: they end when the shard is not led any more. */
  readonly rounds: Set<AbortController>;
  readonly refusals: Map<string, Refusal>;
  readonly failures: Map<string, Refusal>;
  readonly whereabouts: Whereabouts;
  readonly sightings: Sightings;
  /** How to take back what is added a little later, by key. */
  readonly soon: Map<string, () => void>;
}

const whoOf = ({ controller }: Pick<Room, 'controller'>, key: string): string => `${controller.kind.kind} ${key}`;

/** The rooms of all controllers, and the devices that they share. */
function furnish({ clock, random, controllers, settings, name, check, drivers = createGate(), resync = createResync() }: ShardOptions): {
  readonly resync: Resync;
  readonly rooms: readonly Room[];
  readonly devices: Devices;
  readonly alarms: Alarms;
  readonly rounds: ReadonlySet<AbortController>;
} {
  const alarms = createAlarms(clock);
  const rounds = new Set<AbortController>();
  const queues = new Map<string, Queue>();
  const devices = createDevices({
    clock,
    random,
    check,
    drivers: createDriverGate(drivers, alarms, clock),
    wake(who, priority) {
      const space = who.indexOf(' ');
      const kind = who.slice(0, space);
      queues.get(kind)?.add(who.slice(space + 1), priority);
      // Whoever is not worked on now must not keep a place from others.
      if (settings?.of(kind, name).paused !== undefined) devices.leave(who);
    },
  });
  const rooms = controllers.map((controller) => {
    const { kind } = controller.kind;
    const queue = createQueue(clock, settings?.of(kind, name) ?? QUEUE_DEFAULTS);
    queues.set(kind, queue);
    return {
      controller,
      queue,
      devices,
      alarms,
      resync,
      patience: createPatience(),
      rounds,
      refusals: new Map<string, Refusal>(),
      failures: new Map<string, Refusal>(),
      whereabouts: createWhereabouts(),
      sightings: createSightings(),
      soon: new Map<string, () => void>(),
    };
  });
  return { rooms, devices, alarms, rounds, resync };
}

/** The controllers' work on the objects of one shard. */
export function createShard(options: ShardOptions): Shard {
  const { rooms, devices, alarms, rounds, resync } = furnish(options);
  return {
    name: options.name,
    hear(hint) {
      if (hint.endpointUid !== '' || hint.uid === '') devices.hurry(hint.endpointUid);
      for (const room of rooms) hear(room, hint);
    },
    view: () => Object.fromEntries(rooms.map(({ controller, queue }) => [controller.kind.kind, queue.view()])),
    devices: () => devices.view(),
    async run(signal) {
      const end = (): void => {
        for (const round of rounds) round.abort(signal.reason);
      };
      signal.addEventListener('abort', end, { once: true });
      const counted = resync.include(() => rooms.reduce((sum, { queue }) => sum + queue.size(), 0));
      const stops = [...rooms.flatMap((room) => listen(room, options)), heed(rooms, options), counted];
      try {
        const queues = rooms.map((room) => room.queue.run((...what) => work(room, options, what, signal), signal));
        await Promise.all([...queues, sweep(rooms, options, signal), alarms.run(signal)]);
      } finally {
        signal.removeEventListener('abort', end);
        for (const stop of stops) stop();
      }
    },
  };
}

/** Lets the queues work as people want it, from now on. */
function heed(rooms: readonly Room[], { settings, name }: ShardOptions): () => void {
  if (settings === undefined) return () => undefined;
  const apply = (): void => {
    for (const { controller, queue, devices } of rooms) {
      const { kind } = controller.kind;
      const wanted = settings.of(kind, name);
      queue.configure(wanted);
      if (wanted.paused !== undefined) devices.leaveAll(kind);
    }
  };
  apply();
  return settings.onChange(apply);
}

interface Reported {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly observedGeneration?: number }[];
}

/** Whether the object was as declared when it was last looked at. */
function wasSettled({ metadata, status }: ApiObject): boolean {
  const ready = (status as Reported | undefined)?.conditions?.find(({ type }) => type === 'Ready');
  return metadata.deletionTimestamp === undefined && ready?.status === 'True' && ready.observedGeneration === metadata.generation;
}

/** Adds the objects of this shard; the first time, what was not settled goes before what was. */
async function addAll(
  { controller, queue, whereabouts }: Room,
  { views, name, clock }: ShardOptions,
  first: boolean,
  signal: AbortSignal,
): Promise<void> {
  let added = 0;
  for (const object of views.of(controller.kind).list()) {
    const key = cacheKey(object.metadata);
    if (controller.shardOf(object) === name) {
      whereabouts.note(object.metadata.uid, key, controller.endpointOf(object)?.uid);
      queue.add(key, first && !wasSettled(object) ? PRIORITY.change : PRIORITY.resync);
    }
    added += 1;
    if (added % SLICE === 0) await clock.sleep(0, signal).catch(() => undefined);
    if (isAborted(signal)) return;
  }
}

/** Adds all objects, now and again and again: some become this shard's without any change that their controller hears of. */
async function sweep(rooms: readonly Room[], options: ShardOptions, signal: AbortSignal): Promise<void> {
  for (let first = true; !isAborted(signal); first = false) {
    for (const room of rooms) await addAll(room, options, first, signal);
    await options.clock.sleep(RESYNC_MS * (0.75 + options.random() / 2), signal).catch(() => undefined);
  }
}

/** Adds a key when so much time has passed, once for all who ask for that meanwhile. */
function addAfter({ queue, alarms, soon }: Room, key: string, ms: number): void {
  if (ms === 0) queue.add(key, PRIORITY.change);
  if (ms === 0 || soon.has(key)) return;
  const ring = (): void => {
    soon.delete(key);
    queue.add(key, PRIORITY.change);
  };
  soon.set(key, alarms.set(ms, ring));
}

/** Whether an object is this shard's, or was when it was seen last; what happens to others is for other shards, of which there may be many. */
function concerns({ controller, whereabouts }: Room, name: string, object: ApiObject): boolean {
  return controller.shardOf(object) === name || whereabouts.keyOf(object.metadata.uid) !== undefined;
}

/** Follows the controller's own kind and the kinds that it depends on; returns how to stop. */
function listen(room: Room, { views, name }: ShardOptions): readonly (() => void)[] {
  const { controller, queue, devices, refusals, failures, whereabouts, sightings, soon } = room;
  const own = views.of(controller.kind).onChange(({ old, object }) => {
    const changed = object ?? old;
    if (changed === undefined || !concerns(room, name, changed)) return;
    const { metadata } = changed;
    if (object !== undefined) {
      if (controller.shardOf(object) === name) whereabouts.note(metadata.uid, cacheKey(metadata), controller.endpointOf(object)?.uid);
      // Whoever declares a device anew wants to see at once whether it answers.
      if (old !== undefined && old.metadata.generation !== object.metadata.generation) devices.hurry(metadata.uid);
    } else if (old !== undefined) {
      whereabouts.forget(old.metadata.uid);
      sightings.forget(old.metadata.uid);
      devices.forget(old.metadata.uid);
      forget(refusals, old);
      forget(failures, old);
    }
    queue.add(cacheKey(metadata), metadata.deletionTimestamp === undefined ? PRIORITY.change : PRIORITY.deletion);
  });
  const others = controller.triggers.map((trigger) =>
    views.of(trigger.kind).onChange((change) => {
      // What somebody declared anew may cure what a driver refused.
      const declared = change.old?.metadata.generation !== change.object?.metadata.generation;
      for (const [text, key] of wokenBy(trigger, change)) {
        const dependent = views.of(controller.kind).get(key);
        if (dependent === undefined || !concerns(room, name, dependent)) continue;
        if (declared) forget(refusals, dependent);
        if (trigger.afterMs === undefined) queue.add(text, PRIORITY.change);
        else addAfter(room, text, trigger.afterMs);
      }
    }),
  );
  const followed = controller.follow?.((key) => {
    const object = views.of(controller.kind).get(key);
    if (object !== undefined && concerns(room, name, object)) queue.add(cacheKey(key), PRIORITY.change);
  });
  const takeBack = (): void => {
    for (const off of soon.values()) off();
    soon.clear();
  };
  return [own, ...others, takeBack, ...(followed === undefined ? [] : [followed])];
}

function traceOf({ metadata }: ApiObject): string {
  return `${metadata.uid}.${String(metadata.generation)}`;
}

function forget(refusals: Map<string, Refusal>, object: ApiObject): void {
  refusals.delete(traceOf(object));
}

function hear(room: Room, { endpointUid, uid }: DeviceHint): void {
  const { queue, whereabouts } = room;
  const [thing, endpoint] = [whereabouts.keyOf(uid), whereabouts.keyOf(endpointUid)];
  if (thing !== undefined) queue.add(thing, PRIORITY.change);
  // To where it is, one thing is a part of a sum.
  if (endpoint !== undefined && endpoint !== thing) addAfter(room, endpoint, uid === '' ? 0 : SUMMARY_MS);
  if (uid !== '') return;
  // Of all that is there, or of everything, nobody says that it changed: it goes behind what did.
  for (const key of endpointUid === '' ? whereabouts.keys() : whereabouts.at(endpointUid)) queue.add(key, PRIORITY.retry);
}

async function work(room: Room, options: ShardOptions, [key, priority, detach]: Parameters<Work>, signal: AbortSignal): Promise<Verdict> {
  const { controller, queue, devices } = room;
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  const object = options.views.of(controller.kind).get(slash === 0 ? { name } : { namespace: key.slice(0, slash), name });
  const who = whoOf(room, key);
  if (object === undefined || controller.shardOf(object) !== options.name) {
    devices.leave(who);
    if (object !== undefined) {
      room.whereabouts.forget(object.metadata.uid);
      room.sightings.forget(object.metadata.uid);
    }
    return { next: 'drop' };
  }
  const endpoint = controller.endpointOf(object);
  room.whereabouts.note(object.metadata.uid, key, endpoint?.uid);
  const pace = endpoint === undefined ? UNPACED : paced({ ...room, clock: options.clock }, detach);
  const visit = devices.visit(endpoint, { who, priority, ...pace });
  if (visit === undefined) return waiting(`as many calls as ${endpoint?.label ?? ''} takes are under way`);
  pace.resume();
  const history = { failures: queue.failuresOf(key), streak: queue.streakOf(key) };
  try {
    const end = await round(room, options, { seen: object, priority, visit }, signal);
    pace.end(visit.silent() === undefined);
    return silenced(visit.silent(), end, history, options.random) ?? verdictOf(end, history, options.random, room.resync.meanMs());
  } catch (error) {
    const busy = visit.busy();
    if (busy !== undefined && !signal.aborted) return waiting(busy);
    if (!signal.aborted) report(options, object, error, priority);
    const retryAfterMs = error instanceof ApiError ? (error.details.retryAfterSeconds ?? 0) * 1000 : 0;
    return failed(error instanceof Error ? error.message : 'failed', retryAfterMs, history.failures, options.random);
  } finally {
    pace.end(false);
    visit.end();
  }
}

/** What every line of a log about an object says. */
function fieldsOf({ name }: ShardOptions, object: ApiObject): object {
  return { trace: traceOf(object), shard: name, kind: object.kind, object: object.metadata.name };
}

function report(options: ShardOptions, object: ApiObject, error: unknown, priority: Priority): void {
  const expected = error instanceof ApiError && error.reason !== 'InternalError';
  options.log[expected ? 'info' : 'error']({ ...fieldsOf(options, object), err: error, priority }, 'the round failed');
}

/**
 * The object to decide on. The view may lag behind our own last write, or a leader's before us, and what happened since is why most rounds are had:
 * so it is read. Of a look that nothing asked for the view is enough once it has come as far as this leader has: a plan of more than waiting is
 * compared with the store before anything is done, and what the view has not seen yet will ask for a look when it comes.
 */
async function read(
  { controller, sightings }: Room,
  { client }: ShardOptions,
  { seen, priority }: { readonly seen: ApiObject; readonly priority: Priority },
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  if (priority === PRIORITY.resync && sightings.covers(seen)) return seen;
  return client.get(controller.kind, keyOf(seen), signal);
}

async function round(
  room: Room,
  options: ShardOptions,
  from: { readonly seen: ApiObject; readonly priority: Priority; readonly visit: Visit },
  signal: AbortSignal,
): Promise<RoundEnd> {
  const { controller, alarms, rounds, refusals, failures, sightings } = room;
  const { seen, visit } = from;
  const ending = new AbortController();
  rounds.add(ending);
  if (signal.aborted) ending.abort(signal.reason);
  const inTime = alarms.set(ROUND_MS, () => {
    visit.late();
    ending.abort(new ApiError('Timeout', 'the round took too long'));
  });
  try {
    const object = await read(room, options, from, ending.signal);
    sightings.forget(seen.metadata.uid);
    if (object === undefined || controller.shardOf(object) !== options.name) return { end: 'gone' };
    const trace = traceOf(object);
    const refused = refusals.get(trace);
    const given: Round = {
      authority: { ...options.authority(), visit },
      trace,
      check: options.check,
      ...(refused !== undefined && { refused }),
    };
    const log = childLog(options.log, () => fieldsOf(options, object));
    let last = object;
    const wrote = (written: ApiObject): void => {
      last = written;
    };
    const how = { ...options, log, refusals, failures, wrote, onStaleEpoch: options.raise };
    const end = await reconcile(controller, object, given, how, ending.signal);
    // Of any other end it is not known what was written.
    if (end.end === 'settled') sightings.note(last);
    return end;
  } finally {
    inTime();
    rounds.delete(ending);
  }
}
