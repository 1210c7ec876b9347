import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { WRITES_PER_REVISION, type Store, type StoredList, type StoreEvent } from '../store/store.ts';
import { createBarrier } from './barrier.ts';
import type { Change } from './change-log.ts';
import { decodeStored } from './codec.ts';
import { createTable, type Row, type Table } from './table.ts';

/** Hears of every change of one resource, in order, and of `lost`: the cache began anew and knows no changes in between. */
export interface CacheListener {
  changed(change: Change): void;
  lost(): void;
}

/** All objects of the store in memory, kept up by one list and one watch. */
export interface WatchCache {
  /** Fills the cache and keeps it up until the signal aborts; then it resolves. */
  run(signal: AbortSignal): Promise<void>;
  readonly filled: boolean;
  /** Every change up to this version has been applied and heard of. */
  position(): bigint;
  /** Resolves when `position` has reached a version; ApiError Timeout when that takes too long. */
  reached(resourceVersion: bigint, signal: AbortSignal): Promise<void>;
  /** Resolves when everything that was acknowledged before this call is in the cache. */
  fresh(signal: AbortSignal): Promise<void>;
  /** The objects of one resource, by the prefix of its keys. */
  table(prefix: string): Table;
  /** Calls the listener from now on, until the answer is called. */
  listen(prefix: string, listener: CacheListener): () => void;
}

export interface WatchCacheOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Prefixes of all resources; each ends with a slash. */
  readonly prefixes: readonly string[];
  /** Freezes every object, for tests. */
  readonly freeze: boolean;
  /** Hears why the watch had to begin again. */
  readonly onTrouble: (error: unknown) => void;
}

const LOG_LIMITS = { changes: 4096, size: 32 * 1024 * 1024 };
const RETRY_MS = 200;
const REACH_MS = 10_000;

interface Waiter {
  readonly resourceVersion: bigint;
  readonly resolve: () => void;
}

/** Objects' keys are `group/plural/...`: the prefix of their resource is the first two parts. */
function prefixOf(key: string): string {
  return key.slice(0, key.indexOf('/', key.indexOf('/') + 1) + 1);
}

/** A cache over a store; it is empty until it runs. */
export function createWatchCache({ store, clock, prefixes, freeze, onTrouble }: WatchCacheOptions): WatchCache {
  const tables = new Map<string, Table>(prefixes.map((prefix) => [prefix, createTable([], 0n, LOG_LIMITS)]));
  const listeners = new Map<string, Set<CacheListener>>(prefixes.map((prefix) => [prefix, new Set()]));
  const waiters = new Set<Waiter>();
  let at = -1n;
  /** What the last version that a revision can hold leaves when divided by the size of a batch. */
  let lastInBatch = 0n;

  function advance(resourceVersion: bigint): void {
    at = resourceVersion;
    for (const waiter of waiters) if (waiter.resourceVersion <= at) waiter.resolve();
  }

  function fill({ objects, resourceVersion }: StoredList): void {
    const rows = new Map<string, Row[]>(prefixes.map((prefix) => [prefix, []]));
    for (const stored of objects) rows.get(prefixOf(stored.key))?.push({ key: stored.key, object: decodeStored(stored, freeze) });
    for (const [prefix, of] of rows) tables.set(prefix, createTable(of, resourceVersion, LOG_LIMITS));
    lastInBatch = resourceVersion % WRITES_PER_REVISION;
    advance(resourceVersion);
    for (const set of listeners.values()) for (const listener of [...set]) listener.lost();
  }

  function applyOne(event: StoreEvent): bigint {
    const [key, resourceVersion] =
      event.type === 'put' ? [event.object.key, event.object.resourceVersion] : [event.key, event.resourceVersion];
    const prefix = prefixOf(key);
    const table = tables.get(prefix);
    const change =
      event.type === 'put'
        ? table?.put({ key, object: decodeStored(event.object, freeze) }, resourceVersion, event.object.value.length)
        : table?.remove(key, resourceVersion);
    if (change !== undefined) for (const listener of [...(listeners.get(prefix) ?? [])]) listener.changed(change);
    return resourceVersion;
  }

  function apply(events: readonly StoreEvent[]): void {
    let last = at;
    for (const event of events) last = applyOne(event);
    // All events of a revision come together, so the whole revision has been seen: its last version is reached.
    const behind = (lastInBatch - (last % WRITES_PER_REVISION) + WRITES_PER_REVISION) % WRITES_PER_REVISION;
    advance(last + behind);
  }

  async function follow(signal: AbortSignal): Promise<void> {
    if (at < 0n) fill(await store.list('', signal));
    for await (const events of store.watch('', at, signal)) apply(events);
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        onTrouble(error);
        if (error instanceof ApiError && error.reason === 'Expired') at = -1n;
      }
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }

  async function reached(resourceVersion: bigint, signal: AbortSignal): Promise<void> {
    if (at >= resourceVersion) return;
    const done = new AbortController();
    const waiting = new Promise<void>((resolve) => {
      const waiter = { resourceVersion, resolve };
      waiters.add(waiter);
      done.signal.addEventListener('abort', () => waiters.delete(waiter));
    });
    const giveUp = clock.sleep(REACH_MS, AbortSignal.any([signal, done.signal])).then(() => {
      throw new ApiError('Timeout', `Too large resource version: ${String(resourceVersion)}, current: ${String(at)}`, {
        details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
      });
    });
    try {
      await Promise.race([waiting, giveUp]);
    } finally {
      giveUp.catch(() => undefined);
      done.abort();
    }
  }

  const newest = createBarrier(() => store.revision(new AbortController().signal));

  return {
    run,
    get filled() {
      return at >= 0n;
    },
    position: () => at,
    reached,
    async fresh(signal) {
      await reached(await newest(), signal);
    },
    table(prefix) {
      const table = tables.get(prefix);
      if (table === undefined) throw new RangeError(`no resource has the prefix ${prefix}`);
      return table;
    },
    listen(prefix, listener) {
      const set = listeners.get(prefix);
      set?.add(listener);
      return () => set?.delete(listener);
    },
  };
}
