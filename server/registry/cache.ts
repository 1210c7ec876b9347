import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { linkedTo } from '../../apis/meta/linked.ts';
import { WRITES_PER_REVISION, type Store, type StoredList } from '../store/store.ts';
import type { ChangeLogLimits } from './change-log.ts';
import { createDeadlines, type Deadlines } from './deadlines.ts';
import { findDifference } from './digest.ts';
import { createFreshness } from './freshness.ts';
import { createProgress, type Progress } from './progress.ts';
import type { Resource } from './resource.ts';
import type { Table } from './table.ts';
import { createTables, SLICE_SIZE, sizeOf, type CacheListener, type Tables } from './tables.ts';
import { nextTurn } from './turn.ts';

/** All objects of the store in memory, kept up by one list and one watch. */
export interface WatchCache {
  /** Fills the cache and keeps it up until the signal aborts; then it resolves. */
  run(signal: AbortSignal): Promise<void>;
  readonly filled: boolean;
  /** How often the cache was found to differ from the store, and was filled anew. */
  readonly differences: number;
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
  /** How many listen. */
  listening(prefix: string): number;
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
const DIGEST_MS = 5 * 60_000;
/** How many of the newest changes of all resources a start asks the store for, and how many it puts up with: a store may count roughly. */
const RECALLED_CHANGES = 8192;
const MOST_RECALLED = 2 * RECALLED_CHANGES;

/** The last version of the revision that a version belongs to; `last` is one of those of another revision. */
function endOfRevision(resourceVersion: bigint, last: bigint): bigint {
  const behind = (last - resourceVersion) % WRITES_PER_REVISION;
  return resourceVersion + ((behind + WRITES_PER_REVISION) % WRITES_PER_REVISION);
}

async function* inOnePage(list: Promise<StoredList>): AsyncGenerator<StoredList, void, undefined> {
  yield await list;
}

/** Keeps tables up with a store. */
class Follower {
  readonly tables: Tables;
  /** What the readers of the tables know of: what is applied, from the moment that the tables are complete. */
  readonly progress: Progress;
  filled = false;
  differences = 0;
  readonly #options: WatchCacheOptions;
  readonly #applied: Progress;
  readonly #caughtUp: (signal: AbortSignal) => Promise<void>;
  #listed = false;
  #recall = true;
  #recalled = 0;

  constructor(options: WatchCacheOptions, deadlines: Deadlines) {
    const { store, clock, resources, history, freeze, onTrouble } = options;
    this.#options = options;
    this.tables = createTables(resources, history, freeze);
    this.progress = createProgress(deadlines);
    this.#applied = createProgress(deadlines);
    this.#caughtUp = createFreshness(store, clock, this.#applied, deadlines, onTrouble);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, onTrouble } = this.#options;
    while (!signal.aborted) {
      await this.#follow(signal).catch((error: unknown) => {
        if (signal.aborted) return;
        onTrouble(error);
        const reason = error instanceof ApiError ? error.reason : undefined;
        // A past that cannot be read, for whatever reason, must not keep the present from being served.
        const hopeless = !this.filled && reason !== 'ServiceUnavailable';
        if (reason !== 'Expired' && !hopeless) return;
        this.#listed = false;
        this.#recall = false;
      });
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }

  /**
   * The first time as of a while ago, so that watches from before this process find what they missed. Later, history may have a hole
   * that a watch which goes on would not see: it must begin anew.
   */
  async #fill(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const pages = this.#recall ? store.recall(RECALLED_CHANGES, signal) : inOnePage(store.list('', signal));
    const resourceVersion = await this.tables.fill(pages, signal);
    this.#listed = true;
    this.filled = !this.#recall;
    this.#advance(resourceVersion);
    this.tables.lose();
  }

  #advance(resourceVersion: bigint): void {
    this.#applied.advance(resourceVersion);
    if (this.filled) this.progress.advance(resourceVersion);
  }

  async #follow(outer: AbortSignal): Promise<void> {
    if (!this.#listed) await this.#fill(outer);
    const stop = linkedTo(outer);
    const { signal } = stop;
    let failure: Error | undefined;
    const fail = (error: unknown): void => {
      const passing = error instanceof ApiError && error.reason === 'ServiceUnavailable';
      failure ??= passing ? error : new ApiError('Expired', 'the cache is filled anew', { cause: error });
      stop.abort(failure);
    };
    this.#open(signal)
      .then(() => this.#digest(signal))
      .catch(fail);
    try {
      await this.#apply(signal);
    } finally {
      stop.abort(new Error('the cache follows no more'));
    }
    if (!outer.aborted && failure !== undefined) throw failure;
  }

  async #apply(signal: AbortSignal): Promise<void> {
    let size = 0;
    for await (const events of this.#options.store.watch('', this.#applied.at(), signal)) {
      // All events of a revision come together, so the whole revision has been seen: its last version is reached.
      let last = this.#applied.at();
      for (const event of events) {
        last = this.tables.apply(event);
        size += sizeOf(event.type === 'put' ? event.object.value : '');
      }
      this.#advance(endOfRevision(last, this.#applied.at()));
      if (size > SLICE_SIZE) {
        size = 0;
        await nextTurn(signal);
      }
      if (this.filled) continue;
      this.#recalled += events.length;
      if (this.#recalled > MOST_RECALLED)
        throw new ApiError('Expired', 'too much has changed before the start to go through it: watches from then list again');
    }
  }

  /** Opens the tables to readers when everything that was acknowledged before is in them. */
  async #open(signal: AbortSignal): Promise<void> {
    if (this.filled) return;
    await this.#caughtUp(signal);
    this.filled = true;
    this.#recall = false;
    this.progress.advance(this.#applied.at());
  }

  /** Looks now and then whether the watch has told everything; rejects when it has not. */
  async #digest(signal: AbortSignal): Promise<void> {
    const { store, clock, onTrouble } = this.#options;
    if (store.outline === undefined) return;
    for (;;) {
      await clock.sleep(DIGEST_MS, signal);
      const difference = await findDifference(store.outline(signal), this.tables, this.#caughtUp, signal).catch((error: unknown) => {
        // A store that cannot be read says nothing about the cache; the watch and the readers tell of it.
        if (!signal.aborted) onTrouble(error);
        return undefined;
      });
      if (difference === undefined) continue;
      this.differences += 1;
      throw new Error(`the watch of the store has lost what was written: ${difference}`);
    }
  }
}

/** A cache over a store; it is empty until it runs. */
export function createWatchCache(options: WatchCacheOptions): WatchCache {
  const deadlines = createDeadlines(options.clock);
  const follower = new Follower(options, deadlines);
  const { tables, progress } = follower;
  return {
    run: (signal) => follower.run(signal),
    get filled() {
      return follower.filled;
    },
    get differences() {
      return follower.differences;
    },
    position: () => progress.at(),
    reached: (resourceVersion, signal) => progress.reached(resourceVersion, signal),
    fresh: createFreshness(options.store, options.clock, progress, deadlines, options.onTrouble),
    table(prefix) {
      const table = tables.now().get(prefix);
      if (table === undefined) throw new RangeError(`no resource has the prefix ${prefix}`);
      return table;
    },
    listen: (prefix, listener) => tables.listen(prefix, listener),
    listening: (prefix) => tables.listening(prefix),
  };
}
