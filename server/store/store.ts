import type { StoreRoom } from './room.ts';

/**
 * What the API server needs of a place that keeps bytes. Two implementations, one conformance suite.
 *
 * resourceVersion = offset + revision x 64 + index in its batch. A batch (one fsync) is one revision and holds at most 64 writes.
 * The version of a list or of `revision()` is the last one that its revision can hold (index 63), so that a watch opened after it
 * sees every later write and none of the earlier ones.
 */
export interface Store {
  /** Stable for the life of the data; `incarnation` grows with every restore or migration (drivers fence on it). */
  readonly identity: StoreIdentity;
  /** The object under `key` as of now (linearizable), or undefined. */
  get(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** All objects whose key starts with `prefix`, in key order, as of one moment (linearizable). */
  list(prefix: string, signal: AbortSignal): Promise<StoredList>;
  /**
   * All objects, in any order, as of one moment that lies up to about `changes` changes back, and no further than history reaches: a watch
   * after its version tells what has changed since. In one or more pages of that version, of which the next is read while one is worked on.
   */
  recall(changes: number, signal: AbortSignal): AsyncIterable<StoredList>;
  /**
   * All keys as of one moment, in pages at a gentle pace. Only where a watch of this store is known to lose changes: whoever follows one
   * compares with it now and then.
   */
  outline?(signal: AbortSignal): AsyncIterable<OutlinePage>;
  /** The newest resourceVersion, read linearizably: a cache that has reached it has seen every acknowledged write. */
  revision(signal: AbortSignal): Promise<bigint>;
  /**
   * Makes one write durable, or says what stands in its way. Concurrent writes share a batch and succeed or fail each alone.
   * Rejects with ApiError Timeout when the outcome is not known; the caller must read before it tries again.
   */
  write(write: StoreWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /**
   * Every change after `after`, in order, none twice, none lost; all events of one revision in one array.
   * Rejects with ApiError Expired when `after` has been compacted or lies in the future of this store.
   */
  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]>;
  /** Forgets history up to and including `upTo`; current values stay. A watch from before it is Expired from then on. */
  compact(upTo: bigint, signal: AbortSignal): Promise<void>;
  /** What it takes and what is left; undefined where nothing but memory bounds it. */
  room?(signal: AbortSignal): Promise<StoreRoom | undefined>;
  /** Ends open watches, finishes acknowledged work and frees the connection or file. */
  close(): Promise<void>;
}

export interface StoreIdentity {
  /** Uid of this installation, made when the store was first opened. */
  readonly installation: string;
  readonly incarnation: number;
}

export interface StoredObject {
  readonly key: string;
  /** JSON text without metadata.resourceVersion. */
  readonly value: string;
  readonly resourceVersion: bigint;
}

export interface StoredList {
  readonly resourceVersion: bigint;
  readonly objects: readonly StoredObject[];
}

/** Some keys as of one moment, each with the last version of the revision that wrote it. */
export interface OutlinePage {
  readonly resourceVersion: bigint;
  readonly places: readonly { readonly key: string; readonly upTo: bigint }[];
}

export type StoreWrite =
  /** Fails when the key exists. */
  | { readonly do: 'create'; readonly key: string; readonly value: string }
  /** Fails unless the key exists at exactly this resourceVersion. */
  | { readonly do: 'replace'; readonly key: string; readonly value: string; readonly resourceVersion: bigint }
  /** Fails unless the key exists at exactly this resourceVersion. */
  | { readonly do: 'remove'; readonly key: string; readonly resourceVersion: bigint }
  /** Writes nothing; succeeds only while the key exists at exactly this resourceVersion. */
  | { readonly do: 'compare'; readonly key: string; readonly resourceVersion: bigint };

export type WriteOutcome =
  /** The version of the write; of a `compare`, the version compared. */
  | { readonly ok: true; readonly resourceVersion: bigint }
  /** Nothing was written; `current` is what the key holds now. */
  | { readonly ok: false; readonly current: StoredObject | undefined };

export type StoreEvent =
  | { readonly type: 'put'; readonly object: StoredObject }
  | { readonly type: 'remove'; readonly key: string; readonly resourceVersion: bigint };

/** Writes that one batch, and so one revision, can hold. */
export const WRITES_PER_REVISION = 64n;

/** The resourceVersion of the write at `index` of `revision`. */
export function resourceVersionOf(revision: bigint, index: bigint, offset: bigint): bigint {
  return offset + revision * WRITES_PER_REVISION + index;
}

/** The store revision that a resourceVersion belongs to, and its index there. */
export function revisionOf(resourceVersion: bigint, offset: bigint): { readonly revision: bigint; readonly index: bigint } {
  const relative = resourceVersion - offset;
  return { revision: relative / WRITES_PER_REVISION, index: relative % WRITES_PER_REVISION };
}
