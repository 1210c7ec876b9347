import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { WatchEvent } from '../../apis/meta/request.ts';
import type { WatchCache } from './cache.ts';
import type { Change } from './change-log.ts';
import { withResourceVersion } from './codec.ts';
import type { Resource } from './resource.ts';

/** Which objects a list or watch is about. */
export interface Scope {
  readonly resource: Resource;
  /** What the keys begin with. */
  readonly prefix: string;
  readonly matches: (object: ApiObject) => boolean;
}

/** Where a watch begins: with all objects as they are now, or after a version. */
export type WatchStart = { readonly from: 'state'; readonly markEnd: boolean } | { readonly from: 'version'; readonly after: bigint };

export interface WatchOptions {
  readonly scope: Scope;
  readonly start: WatchStart;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

const BUFFER_EVENTS = 1024;
const BOOKMARK_MS = 60_000;

/** What one change is to a watch that sees only some objects: an object that comes into sight was added, one that leaves it was deleted. */
export function eventOf({ resource, matches }: Scope, { before, after, resourceVersion }: Change): WatchEvent | undefined {
  const was = before === undefined ? undefined : resource.fromStored(before);
  const is = after === undefined ? undefined : resource.fromStored(after);
  const saw = was !== undefined && matches(was);
  if (is !== undefined && matches(is)) return { type: saw ? 'MODIFIED' : 'ADDED', object: is };
  return saw ? { type: 'DELETED', object: withResourceVersion(was, resourceVersion) } : undefined;
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

/** Events between the cache and one slow reader: bounded, and ended by whoever comes first. */
interface Mailbox {
  put(event: WatchEvent): void;
  end(last?: WatchEvent): void;
  take(): Promise<readonly WatchEvent[] | undefined>;
}

function createMailbox(): Mailbox {
  let waiting: WatchEvent[] = [];
  let ended = false;
  let wake: () => void = () => undefined;

  function end(last?: WatchEvent): void {
    if (ended) return;
    ended = true;
    if (last !== undefined) waiting.push(last);
    wake();
  }

  return {
    put(event) {
      if (ended) return;
      if (waiting.length >= BUFFER_EVENTS) {
        end(tooOld('too old resource version: the watch was read too slowly; list again'));
        return;
      }
      waiting.push(event);
      wake();
    },
    end,
    async take() {
      if (waiting.length === 0 && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const events = waiting;
      waiting = [];
      return events.length === 0 && ended ? undefined : events;
    },
  };
}

/** What a watch sends before anything changes; undefined where its start is too old. */
function firstEvents(cache: WatchCache, { scope, start }: WatchOptions): readonly WatchEvent[] | undefined {
  const { resource, prefix, matches } = scope;
  const table = cache.table(resource.prefix);
  if (start.from === 'version') {
    return table.log
      .after(start.after)
      ?.filter(({ key }) => key.startsWith(prefix))
      .flatMap((change) => eventOf(scope, change) ?? []);
  }
  const objects = table.rows(prefix).map(({ object }) => resource.fromStored(object));
  const added = objects.filter(matches).map((object): WatchEvent => ({ type: 'ADDED', object }));
  return start.markEnd ? [...added, bookmarkOf(resource, cache.position(), true)] : added;
}

/**
 * Watches from this moment on: what is missing between the start and now is there already when this returns. The iterable ends at the
 * timeout, when the signal aborts, or with an ERROR event when events were lost or were not read in time.
 */
export function openWatch(cache: WatchCache, clock: Clock, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent> {
  const { scope, bookmarks, timeoutMs } = options;
  const mailbox = createMailbox();
  const done = new AbortController();
  const stopped = AbortSignal.any([signal, done.signal]);
  const first = firstEvents(cache, options);
  if (first === undefined) mailbox.end(tooOld('too old resource version: list again'));

  const silence = cache.listen(scope.resource.prefix, {
    changed(change) {
      const event = change.key.startsWith(scope.prefix) ? eventOf(scope, change) : undefined;
      if (event !== undefined) mailbox.put(event);
    },
    lost: () => {
      mailbox.end(tooOld('too old resource version: the history was lost; list again'));
    },
  });

  async function sendBookmarks(): Promise<void> {
    for (;;) {
      await clock.sleep(BOOKMARK_MS, stopped);
      mailbox.put(bookmarkOf(scope.resource, cache.position(), false));
    }
  }

  function close(): void {
    silence();
    done.abort();
    mailbox.end();
  }

  stopped.addEventListener('abort', close, { once: true });
  if (stopped.aborted) close();
  if (bookmarks) sendBookmarks().catch(() => undefined);
  clock.sleep(timeoutMs, stopped).then(close, () => undefined);

  return (async function* () {
    try {
      yield* first ?? [];
      for (let events = await mailbox.take(); events !== undefined; events = await mailbox.take()) yield* events;
    } finally {
      close();
    }
  })();
}
