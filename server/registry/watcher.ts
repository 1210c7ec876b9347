import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { linkedTo } from '../../apis/meta/linked.ts';
import type { WatchEvent } from '../../apis/meta/request.ts';
import type { WatchCache } from './cache.ts';
import type { Change } from './change-log.ts';
import { withResourceVersion } from './codec.ts';
import { objectIn, textIn, type Entry } from './entry.ts';
import type { Resource } from './resource.ts';
import type { Rows } from './rows.ts';
import type { Table } from './table.ts';
import { nextTurn } from './turn.ts';

/** Which objects a watch is about. */
export interface Scope {
  readonly resource: Resource;
  /** What the keys begin with. */
  readonly prefix: string;
  readonly matches: (entry: Entry) => boolean;
}

/** Where a watch begins: with all objects as they are now, or after a version. */
export type WatchStart = { readonly from: 'state'; readonly markEnd: boolean } | { readonly from: 'version'; readonly after: bigint };

export interface WatchOptions {
  readonly scope: Scope;
  readonly start: WatchStart;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** Makes the events of a resource's changes, and keeps those of the newest for the others who watch it. */
export type MakeEvent = (resource: Resource, type: ChangeType, change: Change) => WatchEvent;

/** Of how many changes, and of what size in all, each resource keeps the events. */
const KEPT = { changes: 512, size: 8 * 1024 * 1024 };
/** So often a watch tells where it is: who has heard nothing for some times as long knows that the connection is dead. */
export const BOOKMARK_MS = 15_000;
/** Changes or objects looked at in one go. */
const SLICE = 256;

function makeEvent(resource: Resource, type: ChangeType, entry: Entry, resourceVersion = entry.resourceVersion): WatchEvent {
  let line: Uint8Array | undefined;
  return {
    type,
    get object() {
      const object = objectIn(resource, entry);
      return resourceVersion === entry.resourceVersion ? object : withResourceVersion(object, resourceVersion);
    },
    line: () => (line ??= Buffer.from(`{"type":"${type}","object":${textIn(resource, entry, resourceVersion)}}\n`)),
  };
}

interface KeptEvents {
  readonly of: Map<Change, Partial<Record<ChangeType, WatchEvent>>>;
  size: number;
}

/** Forgets until the rest is small enough; never the newest. */
function forgetOldest(kept: KeptEvents): void {
  for (const oldest of kept.of.keys()) {
    if (kept.of.size === 1 || (kept.of.size <= KEPT.changes && kept.size <= KEPT.size)) return;
    kept.of.delete(oldest);
    kept.size -= oldest.size;
  }
}

/** A maker of events that keeps those of the newest changes of each resource: whoever watches the same gets the same bytes. */
export function createEvents(): MakeEvent {
  const kept = new Map<Resource, KeptEvents>();
  return (resource, type, change) => {
    let newest = kept.get(resource);
    if (newest === undefined) kept.set(resource, (newest = { of: new Map(), size: 0 }));
    let events = newest.of.get(change);
    if (events === undefined) {
      newest.of.set(change, (events = {}));
      newest.size += change.size;
      forgetOldest(newest);
    }
    const { before, after, resourceVersion } = change;
    const entry = type === 'DELETED' ? before : after;
    if (entry === undefined) throw new RangeError(`a change to ${change.key} has no object that was ${type}`);
    return (events[type] ??= makeEvent(resource, type, entry, resourceVersion));
  };
}

/** What one change is to a watch that sees only some objects: an object that comes into sight was added, one that leaves it was deleted. */
function eventOf({ resource, matches }: Scope, change: Change, make: MakeEvent): WatchEvent | undefined {
  const { before, after } = change;
  const saw = before !== undefined && matches(before);
  if (after !== undefined && matches(after)) return make(resource, saw ? 'MODIFIED' : 'ADDED', change);
  return saw ? make(resource, 'DELETED', change) : undefined;
}

function bookmarkOf({ kind, apiVersion }: Resource, position: bigint, initialEventsEnd: boolean): WatchEvent {
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return {
    type: 'BOOKMARK',
    object: { kind: kind.kind, apiVersion, metadata: { resourceVersion: String(position), creationTimestamp: null, ...annotations } },
  };
}

function tooOld(message: string): WatchEvent {
  return { type: 'ERROR', object: statusOf(new ApiError('Expired', message)) };
}

/** What wakes a watch, and what ends it. */
interface Alarm {
  /** A change came, a bookmark is due, or the watch ends. */
  ring(): void;
  end(last?: WatchEvent): void;
  readonly ended: { readonly last: WatchEvent | undefined } | undefined;
  /** The last event has been told. */
  forget(): void;
  heard(): Promise<void>;
}

function createAlarm(): Alarm {
  let rung = false;
  let ended: Alarm['ended'];
  let wake: (() => void) | undefined;
  function ring(): void {
    rung = true;
    wake?.();
  }
  return {
    ring,
    end(last) {
      ended ??= { last };
      ring();
    },
    get ended() {
      return ended;
    },
    forget() {
      ended = { last: undefined };
    },
    async heard() {
      if (!rung) await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
      rung = false;
    },
  };
}

interface Reading {
  readonly scope: Scope;
  readonly table: Table;
  readonly alarm: Alarm;
  readonly position: () => bigint;
  /** True once for each bookmark that is due. */
  readonly bookmarkDue: () => boolean;
  readonly make: MakeEvent;
  /** Lets go of everything. */
  readonly close: () => void;
}

/** Every object as of the start, and then a bookmark of `end` where one is asked for. */
async function* initialEvents(
  { scope: { resource, matches }, alarm }: Reading,
  rows: Rows,
  end: bigint | undefined,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, undefined, undefined> {
  for (let at = 0; at < rows.size; at += SLICE) {
    // A reader that never waits, or that nothing is for, would keep everybody else waiting.
    if (at > 0) await nextTurn(signal).catch(() => undefined);
    for (const entry of rows.slice(at, at + SLICE)) {
      if (alarm.ended !== undefined) return;
      // Not kept: nobody else is at the same place.
      if (matches(entry)) yield makeEvent(resource, 'ADDED', entry);
    }
  }
  if (end !== undefined && alarm.ended === undefined) yield bookmarkOf(resource, end, true);
}

type Told = IteratorResult<WatchEvent, undefined>;

const END: Told = { done: true, value: undefined };

/**
 * The changes after a version: each reader goes through the one log at its own speed, and is too late when the log has moved on. No
 * generator, because most of what a change costs is telling it to each of those who watch, and two generators cost more than the change.
 */
function changesAfter(reading: Reading, after: bigint, signal: AbortSignal): () => Promise<Told> {
  const { scope, table, alarm, position, bookmarkDue, make, close } = reading;
  const { log } = table;
  // A place, and no copy of what follows: a watch that stands keeps nothing of the log alive.
  let place = log.placeAfter(after);
  let told = after;
  let inOneGo = 0;

  /** The next event that the log holds; undefined also when enough was looked at in one go. */
  function next(): WatchEvent | undefined {
    for (let change = log.at(place); change !== undefined && inOneGo < SLICE; change = log.at(place)) {
      place += 1;
      inOneGo += 1;
      told = change.resourceVersion;
      const event = change.key.startsWith(scope.prefix) ? eventOf(scope, change, make) : undefined;
      if (event !== undefined) return event;
    }
    return undefined;
  }
  async function take(): Promise<Told> {
    for (;;) {
      if (alarm.ended !== undefined) {
        const { last } = alarm.ended;
        alarm.forget();
        if (last !== undefined) return { done: false, value: last };
        close();
        return END;
      }
      if (place < log.first) {
        alarm.end(tooOld('too old resource version: the watch was read too slowly; list again'));
        continue;
      }
      const event = next();
      if (event !== undefined) return { done: false, value: event };
      if (log.at(place) !== undefined) {
        inOneGo = 0;
        await nextTurn(signal).catch(() => undefined);
        continue;
      }
      // Nothing is missing up to the position: all changes up to it are in the log before it moves.
      if (bookmarkDue()) return { done: false, value: bookmarkOf(scope.resource, position() > told ? position() : told, false) };
      await alarm.heard();
      inOneGo = 0;
    }
  }
  return () => {
    const event = alarm.ended === undefined && place >= log.first ? next() : undefined;
    return event === undefined ? take() : Promise.resolve({ done: false, value: event });
  };
}

/** Wakes a watch whenever a bookmark is due; answers whether one is, once for each. */
function remindOfBookmarks(clock: Clock, alarm: Alarm, signal: AbortSignal): () => boolean {
  let due = false;
  async function remind(): Promise<void> {
    for (;;) {
      await clock.sleep(BOOKMARK_MS, signal);
      due = true;
      alarm.ring();
    }
  }
  remind().catch(() => undefined);
  return () => {
    const was = due;
    due = false;
    return was;
  };
}

/**
 * Watches from this moment on: what is missing between the start and now is there already when this returns. The iterable ends at the
 * timeout, when the signal aborts, or with an ERROR event when events were lost or were not read in time.
 */
export function openWatch(
  cache: WatchCache,
  clock: Clock,
  make: MakeEvent,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncIterable<WatchEvent> {
  const { scope, start, bookmarks, timeoutMs } = options;
  const alarm = createAlarm();
  const done = linkedTo(signal);
  const stopped = done.signal;
  const table = cache.table(scope.resource.prefix);
  const position = cache.position();
  const rows = start.from === 'state' ? table.rows(scope.prefix) : undefined;
  if (start.from === 'version' && start.after < table.log.floor) alarm.end(tooOld('too old resource version: list again'));
  const silence = cache.listen(scope.resource.prefix, {
    changed: () => {
      alarm.ring();
    },
    lost: () => {
      alarm.end(tooOld('too old resource version: the history was lost; list again'));
    },
  });

  function close(): void {
    silence();
    done.abort(new Error('the watch has ended'));
    alarm.end();
  }

  stopped.addEventListener('abort', close, { once: true });
  if (stopped.aborted) close();
  clock.sleep(timeoutMs, stopped).then(close, () => undefined);

  const reading: Reading = {
    scope,
    table,
    alarm,
    make,
    close,
    position: () => cache.position(),
    bookmarkDue: bookmarks ? remindOfBookmarks(clock, alarm, stopped) : () => false,
  };
  const changes = changesAfter(reading, start.from === 'version' ? start.after : position, stopped);
  let initial =
    rows === undefined ? undefined : initialEvents(reading, rows, start.from === 'state' && start.markEnd ? position : undefined, stopped);

  async function begin(events: AsyncIterator<WatchEvent, undefined>): Promise<Told> {
    const told = await events.next();
    if (told.done !== true) return told;
    initial = undefined;
    return changes();
  }
  const iterator = {
    next: () => (initial === undefined ? changes() : begin(initial)),
    return() {
      close();
      return Promise.resolve(END);
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
