import type { ApiError } from '../../apis/meta/api-error.ts';
import type { StoreEvent } from './store.ts';

/** A stretch of history: whole revisions, in order; `upTo` is the version that the reader has then reached. */
export interface HistoryPage {
  readonly revisions: readonly (readonly StoreEvent[])[];
  readonly upTo: bigint;
  readonly more: boolean;
}

export interface WatchHub {
  /** Hands the events of one committed revision to every open watch; called in the order of commits. */
  publish(events: readonly StoreEvent[]): void;
  /** What Store.watch promises; ends quietly when `signal` aborts or the hub ends without an error. */
  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[], void, undefined>;
  /** Ends every watch, now and later: with `error`, or quietly. */
  end(error?: ApiError): void;
}

/** Reads the page of history after `after`; rejects with ApiError Expired where the contract says so. */
export type ReadHistory = (prefix: string, after: bigint, signal: AbortSignal) => Promise<HistoryPage>;

interface Watcher {
  readonly prefix: string;
  queue: (readonly StoreEvent[])[];
  size: number;
  /** True while live events are not kept for this watcher, because it must read history first. */
  behind: boolean;
  wake: () => void;
}

/** What one slow watcher may hold back before it is sent to the history: characters of keys and values. */
const BUFFER_SIZE = 2 * 1024 * 1024;
/** What an event costs beyond its text. */
const EVENT_SIZE = 256;

/** The version of an event. */
export function versionOf(event: StoreEvent): bigint {
  return event.type === 'put' ? event.object.resourceVersion : event.resourceVersion;
}

function keyOf(event: StoreEvent): string {
  return event.type === 'put' ? event.object.key : event.key;
}

function sizeOf(events: readonly StoreEvent[]): number {
  return events.reduce((sum, event) => sum + EVENT_SIZE + (event.type === 'put' ? event.object.value.length : 0), 0);
}

/** Fans committed events out to watches: live while they keep up, from history while they do not. */
export function createWatchHub(readHistory: ReadHistory): WatchHub {
  const watchers = new Set<Watcher>();
  let ended: { readonly error: ApiError | undefined } | undefined;

  async function* watch(prefix: string, after: bigint, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[], void, undefined> {
    const watcher: Watcher = { prefix, queue: [], size: 0, behind: true, wake: () => undefined };
    const wake = (): void => {
      watcher.wake();
    };
    const open = (): boolean => {
      if (ended?.error !== undefined) throw ended.error;
      return ended === undefined && !signal.aborted;
    };
    watchers.add(watcher);
    signal.addEventListener('abort', wake);
    let position = after;
    try {
      while (open()) {
        const taken = watcher.behind ? await readPage(watcher, position, signal, readHistory) : takeLive(watcher, position);
        for (const events of taken.revisions) {
          if (!open()) return;
          yield events;
        }
        position = taken.upTo;
        if (!taken.more && !watcher.behind && watcher.queue.length === 0 && open()) {
          await new Promise<void>((resolve) => (watcher.wake = resolve));
        }
      }
    } catch (error) {
      // An abort while history is read is the same quiet end as an abort while waiting.
      if (!signal.aborted) throw error;
    } finally {
      watchers.delete(watcher);
      signal.removeEventListener('abort', wake);
    }
  }

  return {
    publish: (events) => {
      for (const watcher of watchers) offer(watcher, events);
    },
    watch,
    end: (error) => {
      ended ??= { error };
      for (const watcher of watchers) watcher.wake();
    },
  };
}

function offer(watcher: Watcher, events: readonly StoreEvent[]): void {
  if (watcher.behind) return;
  const wanted = events.filter((event) => keyOf(event).startsWith(watcher.prefix));
  if (wanted.length === 0) return;
  watcher.queue.push(wanted);
  watcher.size += sizeOf(wanted);
  if (watcher.size > BUFFER_SIZE) fallBehind(watcher);
  watcher.wake();
}

function fallBehind(watcher: Watcher): void {
  watcher.behind = true;
  watcher.queue = [];
  watcher.size = 0;
}

async function readPage(watcher: Watcher, position: bigint, signal: AbortSignal, readHistory: ReadHistory): Promise<HistoryPage> {
  // Live events are kept from before the read on, so that none falls between the page and the queue; doubles are dropped by version.
  watcher.behind = false;
  const page = await readHistory(watcher.prefix, position, signal);
  if (page.more) fallBehind(watcher);
  return page;
}

function takeLive(watcher: Watcher, position: bigint): HistoryPage {
  const events = watcher.queue.shift() ?? [];
  watcher.size -= sizeOf(events);
  const fresh = events.filter((event) => versionOf(event) > position);
  const last = fresh.at(-1);
  return {
    revisions: fresh.length === 0 ? [] : [fresh],
    upTo: last === undefined ? position : versionOf(last),
    more: watcher.queue.length > 0,
  };
}
