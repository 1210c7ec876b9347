import { isAborted } from '../apis/meta/aborted.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { KindDefinition } from '../apis/meta/kind.ts';
import { linkedTo } from '../apis/meta/linked.ts';
import type { Log } from '../apis/meta/log.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { Client, ObjectKey } from './client.ts';
import type { View, ViewChange } from './view.ts';

export interface ReflectorOptions {
  readonly clock: Clock;
  /** 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** Only what is in this namespace. */
  readonly namespace?: string;
}

const FIRST_BACKOFF_MS = 200;
/** A watch that ends sooner without a word is a server, or a proxy before it, that does not mean it. */
const SHORT_WATCH_MS = 1_000;
const LAST_BACKOFF_MS = 30_000;
const REACHED_MS = 10_000;

/** `namespace/name`: unique in a kind, since neither holds a slash. */
export function cacheKey({ namespace = '', name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

interface Waiter {
  readonly version: bigint;
  readonly done: () => void;
}

/** What the reflector knows; owned by one loop. */
class Cache<O extends ApiObject> {
  readonly objects = new Map<string, O>();
  readonly listeners = new Set<(change: ViewChange<O>) => void>();
  readonly waiters = new Set<Waiter>();
  version = -1n;
  private readonly failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.failed = failed;
  }

  advance(version: bigint): void {
    if (version > this.version) this.version = version;
    for (const waiter of this.waiters) if (waiter.version <= this.version) waiter.done();
  }

  /** Takes in an object, or (undefined) its end; a recreated object is gone first. */
  put(key: string, object: O | undefined): void {
    const old = this.objects.get(key);
    if (old !== undefined && object !== undefined && old.metadata.uid !== object.metadata.uid) {
      this.objects.delete(key);
      this.tell({ old });
      this.put(key, object);
      return;
    }
    if (object === undefined) {
      if (!this.objects.delete(key) || old === undefined) return;
      this.tell({ old });
    } else if (old === undefined || BigInt(object.metadata.resourceVersion) > BigInt(old.metadata.resourceVersion)) {
      this.objects.set(key, object);
      this.tell(old === undefined ? { object } : { old, object });
    }
  }

  replaceAll(items: readonly O[]): void {
    const present = new Set(items.map(({ metadata }) => cacheKey(metadata)));
    for (const key of [...this.objects.keys()]) if (!present.has(key)) this.put(key, undefined);
    for (const item of items) this.put(cacheKey(item.metadata), item);
  }

  /** A listener that throws has a defect of its own; the others, and the view, go on. */
  private tell(change: ViewChange<O>): void {
    for (const listener of this.listeners) {
      try {
        listener(change);
      } catch (error) {
        this.failed(error);
      }
    }
  }

  /** Resolves when `version` has been seen; rejects with the signal's reason. */
  async reached(version: bigint, signal: AbortSignal): Promise<void> {
    if (this.version >= version) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (end: () => void) => (): void => {
        this.waiters.delete(waiter);
        signal.removeEventListener('abort', fail);
        end();
      };
      const waiter: Waiter = { version, done: finish(resolve) };
      const fail = finish(() => {
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      });
      this.waiters.add(waiter);
      if (signal.aborted) fail();
      else signal.addEventListener('abort', fail, { once: true });
    });
  }
}

/**
 * Keeps a view of one kind: list, then watch from there, and again for as long as the signal lets it. What ends a watch, 410 included, is an
 * occasion to go on, never to stop: from the last version where that is still known, else by a new list whose differences alone are told.
 */
export function reflect<O extends ApiObject>(
  client: Client,
  kind: KindDefinition,
  options: ReflectorOptions,
  signal: AbortSignal,
): View<O> {
  const cache = new Cache<O>((error) => {
    options.log.error({ err: error, kind: kind.kind }, 'a listener of the view failed');
  });
  void run(client, kind, cache, options, signal);
  return {
    kind,
    get: (key) => cache.objects.get(cacheKey(key)),
    list: () => [...cache.objects.values()],
    synced: (stop) => cache.reached(0n, stop),
    reached: (version, stop) => reachedInTime(cache, version, options.clock, stop),
    onChange(listener) {
      cache.listeners.add(listener);
      return () => {
        cache.listeners.delete(listener);
      };
    },
  };
}

async function reachedInTime<O extends ApiObject>(cache: Cache<O>, version: string, clock: Clock, signal: AbortSignal): Promise<void> {
  if (cache.version >= BigInt(version)) return;
  const ending = linkedTo(signal);
  const timer = clock.sleep(REACHED_MS, ending.signal).then(
    () => {
      ending.abort(new ApiError('Timeout', `the view has not reached resourceVersion ${version}`));
    },
    () => undefined,
  );
  try {
    await cache.reached(BigInt(version), ending.signal);
  } finally {
    ending.abort(new Error('reached'));
    await timer;
  }
}

async function run<O extends ApiObject>(
  client: Client,
  kind: KindDefinition,
  cache: Cache<O>,
  { clock, random, log, namespace }: ReflectorOptions,
  signal: AbortSignal,
): Promise<void> {
  const where = namespace === undefined ? {} : { namespace };
  let from: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (from === undefined) {
        const { items, resourceVersion } = await client.list<O>(kind, where, signal);
        cache.replaceAll(items);
        from = resourceVersion;
        cache.advance(BigInt(from));
      }
      const openedMs = clock.monotonic();
      let heard = false;
      for await (const event of client.watch<O>(kind, { ...where, resourceVersion: from }, signal)) {
        failures = 0;
        heard = true;
        const version: string = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
        // A version that is not newer has been seen: a duplicate, or a server that went back.
        if (BigInt(version) <= BigInt(from)) continue;
        if (event.type !== 'BOOKMARK') cache.put(cacheKey(event.object.metadata), event.type === 'DELETED' ? undefined : event.object);
        from = version;
        cache.advance(BigInt(version));
      }
      if (!heard) failures = clock.monotonic() - openedMs < SHORT_WATCH_MS ? failures + 1 : 0;
    } catch (error) {
      if (isAborted(signal)) return;
      if (error instanceof ApiError && error.code === 410) from = undefined;
      log.debug({ err: error, kind: kind.kind }, 'the watch ended');
      failures += 1;
    }
    // Everybody's watch ends when a server does: jitter keeps them from coming back at once.
    const backoff = failures === 0 ? FIRST_BACKOFF_MS : Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 10));
    await clock.sleep(backoff * (0.5 + random() / 2), signal).catch(() => undefined);
  }
}
