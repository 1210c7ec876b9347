import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { WRITES_PER_REVISION, type Store, type StoredList, type StoreEvent } from '../store/store.ts';
import type { Change, ChangeLogLimits } from './change-log.ts';
import { entryOf, shapeOf, type EntryShape } from './entry.ts';
import { createFreshness } from './freshness.ts';
import { createProgress } from './progress.ts';
import { createTable, type Table } from './table.ts';
import type { Resource } from './resource.ts';
import { nextTurn } from './turn.ts';

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
/** How many of the newest changes of all resources a start asks the store for. */
const RECALLED_CHANGES = 32_768;
/** How long a start may take to go through them. */
const RECALL_MS = 2000;
/** Characters of stored text that are parsed in one go, and what an object costs beyond its text. */
const SLICE_SIZE = 512 * 1024;
const OBJECT_SIZE = 512;

/** Objects' keys are `group/plural/...`: the prefix of their resource is the first two parts. */
function prefixOf(key: string): string {
  return key.slice(0, key.indexOf('/', key.indexOf('/') + 1) + 1);
}

/** The tables of all resources, and who listens to them. */
interface Tables {
  of: ReadonlyMap<string, Table>;
  readonly shapes: ReadonlyMap<string, EntryShape>;
  readonly listeners: ReadonlyMap<string, Set<CacheListener>>;
}

/** New tables with these objects in them, made slice by slice: those of before are read meanwhile. */
async function build(
  shapes: Tables['shapes'],
  { objects, resourceVersion }: StoredList,
  history: ChangeLogLimits,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Table>> {
  const of = new Map([...shapes.keys()].map((prefix) => [prefix, createTable(resourceVersion, history)]));
  let size = 0;
  for (const stored of objects) {
    const prefix = prefixOf(stored.key);
    const shape = shapes.get(prefix);
    if (shape !== undefined) of.get(prefix)?.load(entryOf(stored, shape));
    size += OBJECT_SIZE + stored.value.length;
    if (size < SLICE_SIZE) continue;
    size = 0;
    await nextTurn(signal);
  }
  return of;
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
    of: new Map(prefixes.map((prefix) => [prefix, createTable(0n, history)])),
    listeners: new Map(prefixes.map((prefix) => [prefix, new Set()])),
  };
  /** What the tables are at, and what their readers know of: the same from the moment that the tables are complete. */
  const applied = createProgress(clock);
  const progress = createProgress(clock);
  const caughtUp = createFreshness(store, clock, applied, onTrouble);
  const fresh = createFreshness(store, clock, progress, onTrouble);
  let listed = false;
  let filled = false;
  let recall = true;

  function advance(resourceVersion: bigint): void {
    applied.advance(resourceVersion);
    if (filled) progress.advance(resourceVersion);
  }

  /**
   * The first time as of a while ago, so that watches from before this process find what they missed. Later, history may have a hole
   * that a watch which goes on would not see: it must begin anew.
   */
  async function fill(signal: AbortSignal): Promise<void> {
    const list = await (recall ? store.recall(RECALLED_CHANGES, signal) : store.list('', signal));
    tables.of = await build(shapes, list, history, signal);
    listed = true;
    filled = !recall;
    advance(list.resourceVersion);
    for (const set of tables.listeners.values()) for (const listener of [...set]) listener.lost();
  }

  /** Opens the tables to readers when what was acknowledged before is in them; tries without the past when that takes too long. */
  async function open(stop: AbortController): Promise<void> {
    const { signal } = stop;
    const done = new AbortController();
    const late = clock.sleep(RECALL_MS, AbortSignal.any([signal, done.signal])).then(() => {
      throw new ApiError('Timeout', 'going through the changes of before the start took too long: watches from then list again');
    });
    try {
      await Promise.race([caughtUp(signal), late]);
      filled = true;
      recall = false;
      progress.advance(applied.at());
    } catch (error) {
      if (signal.aborted) return;
      onTrouble(error);
      listed = false;
      recall = false;
      stop.abort();
    } finally {
      late.catch(() => undefined);
      done.abort();
    }
  }

  async function follow(outer: AbortSignal): Promise<void> {
    if (!listed) await fill(outer);
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    if (!filled) void open(stop);
    try {
      for await (const events of store.watch('', applied.at(), signal)) {
        // All events of a revision come together, so the whole revision has been seen: its last version is reached.
        let last = applied.at();
        for (const event of events) last = apply(tables, event);
        advance(endOfRevision(last, applied.at()));
      }
    } finally {
      stop.abort();
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await follow(signal).catch((error: unknown) => {
        if (signal.aborted) return;
        onTrouble(error);
        if (!(error instanceof ApiError && error.reason === 'Expired')) return;
        listed = false;
        recall = false;
      });
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }

  return {
    run,
    get filled() {
      return filled;
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
