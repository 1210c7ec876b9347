import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { WRITES_PER_REVISION, type Store, type StoredList, type StoreEvent } from '../store/store.ts';
import type { Change, ChangeLogLimits } from './change-log.ts';
import { createDeadlines } from './deadlines.ts';
import { entryOf, shapeOf, type Entry, type EntryShape } from './entry.ts';
import { createFreshness } from './freshness.ts';
import { createProgress } from './progress.ts';
import { createTable, type Table } from './table.ts';
import type { Resource } from './resource.ts';

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
  readonly resources: readonly Resource[];
  readonly history: ChangeLogLimits;
  /** Freezes every object, for tests. */
  readonly freeze: boolean;
  /** Hears why the watch had to begin again. */
  readonly onTrouble: (error: unknown) => void;
}

/** How much of its past each resource keeps for watches and continued lists. */
export const HISTORY: ChangeLogLimits = { changes: 4096, size: 32 * 1024 * 1024 };
const RETRY_MS = 200;

/** Objects' keys are `group/plural/...`: the prefix of their resource is the first two parts. */
function prefixOf(key: string): string {
  return key.slice(0, key.indexOf('/', key.indexOf('/') + 1) + 1);
}

/** The tables of all resources, and who listens to them. */
interface Tables {
  readonly of: Map<string, Table>;
  readonly shapes: ReadonlyMap<string, EntryShape>;
  readonly listeners: ReadonlyMap<string, Set<CacheListener>>;
}

function fill({ of, shapes, listeners }: Tables, { objects, resourceVersion }: StoredList, history: ChangeLogLimits): void {
  const rows = new Map<string, Entry[]>([...of.keys()].map((prefix) => [prefix, []]));
  for (const stored of objects) {
    const prefix = prefixOf(stored.key);
    const shape = shapes.get(prefix);
    if (shape !== undefined) rows.get(prefix)?.push(entryOf(stored, shape));
  }
  for (const [prefix, filled] of rows) of.set(prefix, createTable(filled, resourceVersion, history));
  for (const set of listeners.values()) for (const listener of [...set]) listener.lost();
}

/** Applies one change and lets it be heard of; answers its version. */
function apply({ of, shapes, listeners }: Tables, event: StoreEvent): bigint {
  const { key, resourceVersion } = event.type === 'put' ? event.object : event;
  const prefix = prefixOf(key);
  const table = of.get(prefix);
  const shape = shapes.get(prefix);
  if (table === undefined || shape === undefined) return resourceVersion;
  const change = event.type === 'put' ? table.put(entryOf(event.object, shape)) : table.remove(key, resourceVersion);
  if (change !== undefined) for (const listener of [...(listeners.get(prefix) ?? [])]) listener.changed(change);
  return resourceVersion;
}

/** The last version of the revision that a version belongs to; `last` is one of those of another revision. */
function endOfRevision(resourceVersion: bigint, last: bigint): bigint {
  const behind = (last - resourceVersion) % WRITES_PER_REVISION;
  return resourceVersion + ((behind + WRITES_PER_REVISION) % WRITES_PER_REVISION);
}

/** A cache over a store; it is empty until it runs. */
export function createWatchCache({ store, clock, resources, history, freeze, onTrouble }: WatchCacheOptions): WatchCache {
  const shapes = new Map(
    resources.filter(({ kind }) => kind.storedAs === undefined).map((resource) => [resource.prefix, shapeOf(resource, freeze)]),
  );
  const prefixes = [...shapes.keys()];
  const tables: Tables = {
    shapes,
    of: new Map(prefixes.map((prefix) => [prefix, createTable([], 0n, history)])),
    listeners: new Map(prefixes.map((prefix) => [prefix, new Set()])),
  };
  const deadlines = createDeadlines(clock);
  const progress = createProgress(deadlines);
  const fresh = createFreshness(store, clock, progress, deadlines, onTrouble);
  let listed = false;

  async function follow(signal: AbortSignal): Promise<void> {
    if (!listed) {
      const list = await store.list('', signal);
      fill(tables, list, history);
      listed = true;
      progress.advance(list.resourceVersion);
    }
    for await (const events of store.watch('', progress.at(), signal)) {
      // All events of a revision come together, so the whole revision has been seen: its last version is reached.
      let last = progress.at();
      for (const event of events) last = apply(tables, event);
      progress.advance(endOfRevision(last, progress.at()));
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await follow(signal).catch((error: unknown) => {
        if (signal.aborted) return;
        onTrouble(error);
        if (error instanceof ApiError && error.reason === 'Expired') listed = false;
      });
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }

  return {
    run,
    get filled() {
      return listed;
    },
    position: () => progress.at(),
    reached: (resourceVersion, signal) => progress.reached(resourceVersion, signal),
    fresh,
    table(prefix) {
      const table = tables.of.get(prefix);
      if (table === undefined) throw new RangeError(`no resource has the prefix ${prefix}`);
      return table;
    },
    listen(prefix, listener) {
      const set = tables.listeners.get(prefix);
      set?.add(listener);
      return () => set?.delete(listener);
    },
  };
}
