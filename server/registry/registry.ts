import type { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { WatchEvent } from '../../apis/meta/request.ts';
import type { Store, StoreWrite } from '../store/store.ts';
import type { WatchCache } from './cache.ts';
import { decodeStored, encodeStored, withResourceVersion } from './codec.ts';
import { decodeContinuation, encodeContinuation } from './pages.ts';
import { expired } from './refusals.ts';
import { keyOf, prefixIn, type Resource } from './resource.ts';
import type { Row } from './table.ts';
import { openWatch, type Scope, type WatchStart } from './watcher.ts';

/** How new a read must be. `Exact` is the state at one version. */
export type Freshness =
  { readonly want: 'newest' } | { readonly want: 'any' } | { readonly want: 'notOlderThan' | 'exact'; readonly resourceVersion: bigint };

export interface ListOptions {
  readonly resource: Resource;
  /** Empty: all namespaces. */
  readonly namespace: string;
  readonly matches: (object: ApiObject) => boolean;
  /** Whether `matches` may leave anything out: then what remains cannot be counted. */
  readonly selective: boolean;
  readonly freshness: Freshness;
  /** 0: all of them. */
  readonly limit: number;
  readonly continueToken?: string;
}

export interface ObjectList {
  readonly resourceVersion: bigint;
  readonly items: readonly ApiObject[];
  readonly continueToken?: string;
  readonly remaining?: number;
}

export interface WatchRequest {
  readonly resource: Resource;
  readonly namespace: string;
  readonly matches: (object: ApiObject) => boolean;
  readonly freshness: Freshness;
  /** `changes`: only what changes after the version. `state`: first every object; with `markEnd`, a bookmark says where they end. */
  readonly initial: 'changes' | 'state';
  readonly markEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

/** A write that did not happen, because the object is not (or no longer) as the caller thought. */
export type Written = { readonly ok: true; readonly object: ApiObject } | { readonly ok: false; readonly current: ApiObject | undefined };

/** What is true of any object: reads from the watch cache, writes that compare and swap. Objects go in and out in the shape of their resource. */
export interface Registry {
  get(resource: Resource, namespace: string, name: string, freshness: Freshness, signal: AbortSignal): Promise<ApiObject | undefined>;
  list(options: ListOptions, signal: AbortSignal): Promise<ObjectList>;
  watch(request: WatchRequest, signal: AbortSignal): Promise<AsyncIterable<WatchEvent>>;
  /** The object as of now, from the store itself: what a write compares with. */
  read(resource: Resource, namespace: string, name: string, signal: AbortSignal): Promise<ApiObject | undefined>;
  create(resource: Resource, object: ApiObject, signal: AbortSignal): Promise<Written>;
  /** Replaces `before`, or only compares with it when nothing changes (`changed` false). */
  replace(resource: Resource, before: ApiObject, after: ApiObject, changed: boolean, signal: AbortSignal): Promise<Written>;
  remove(resource: Resource, before: ApiObject, signal: AbortSignal): Promise<Written>;
}

function page(
  rows: readonly Row[],
  { resource, matches, limit }: ListOptions,
  after: string | undefined,
): { items: ApiObject[]; last?: string; left: number } {
  const items: ApiObject[] = [];
  const start = after === undefined ? 0 : rows.findIndex(({ key }) => key > after);
  if (start < 0) return { items, left: 0 };
  for (let index = start; index < rows.length; index += 1) {
    const row = rows[index];
    if (row === undefined) break;
    const object = resource.fromStored(row.object);
    if (!matches(object)) continue;
    items.push(object);
    if (limit > 0 && items.length === limit) return { items, last: row.key, left: rows.length - index - 1 };
  }
  return { items, left: 0 };
}

function keyOfObject(resource: Resource, { metadata }: ApiObject): string {
  return keyOf(resource, metadata.namespace ?? '', metadata.name);
}

function tooOld(at: bigint | undefined, continued: boolean): ApiError {
  if (continued) return expired('The provided continue parameter is too old to display a consistent list result. List again without it.');
  return expired(`The resourceVersion for the provided list is too old: ${String(at)}`);
}

/** The registry over a store and the cache that follows it. */
export function createRegistry(store: Store, cache: WatchCache, clock: Clock, freeze: boolean): Registry {
  async function settle(freshness: Freshness, signal: AbortSignal): Promise<void> {
    if (freshness.want === 'newest') return cache.fresh(signal);
    if (freshness.want !== 'any') return cache.reached(freshness.resourceVersion, signal);
  }

  async function list(options: ListOptions, signal: AbortSignal): Promise<ObjectList> {
    const { resource, namespace, freshness, continueToken, selective } = options;
    const prefix = prefixIn(resource, namespace);
    const continuation = continueToken === undefined ? undefined : decodeContinuation(prefix, continueToken);
    const at = continuation?.resourceVersion ?? (freshness.want === 'exact' ? freshness.resourceVersion : undefined);
    await settle(at === undefined ? freshness : { want: 'exact', resourceVersion: at }, signal);
    const resourceVersion = at ?? cache.position();
    const table = cache.table(resource.prefix);
    const rows = at === undefined || at === cache.position() ? table.rows(prefix) : table.rowsAt(prefix, at);
    if (rows === undefined) throw tooOld(at, continuation !== undefined);
    const { items, last, left } = page(rows, options, continuation?.after);
    if (last === undefined || left === 0) return { resourceVersion, items };
    const token = encodeContinuation(prefix, { resourceVersion, after: last });
    return { resourceVersion, items, continueToken: token, ...(!selective && { remaining: left }) };
  }

  async function write(resource: Resource, object: ApiObject, what: StoreWrite, signal: AbortSignal): Promise<Written> {
    const outcome = await store.write(what, signal);
    if (outcome.ok) return { ok: true, object: withResourceVersion(object, outcome.resourceVersion) };
    return { ok: false, current: outcome.current && resource.fromStored(decodeStored(outcome.current, freeze)) };
  }

  return {
    async get(resource, namespace, name, freshness, signal) {
      await settle(freshness, signal);
      const object = cache.table(resource.prefix).get(keyOf(resource, namespace, name));
      return object && resource.fromStored(object);
    },
    list,
    async watch({ resource, namespace, matches, freshness, initial, markEnd, bookmarks, timeoutMs }, signal) {
      await settle(freshness, signal);
      const scope: Scope = { resource, prefix: prefixIn(resource, namespace), matches };
      const after = 'resourceVersion' in freshness ? freshness.resourceVersion : cache.position();
      const start: WatchStart = initial === 'state' ? { from: 'state', markEnd } : { from: 'version', after };
      return openWatch(cache, clock, { scope, start, bookmarks, timeoutMs }, signal);
    },
    async read(resource, namespace, name, signal) {
      const stored = await store.get(keyOf(resource, namespace, name), signal);
      return stored && resource.fromStored(decodeStored(stored, freeze));
    },
    create(resource, object, signal) {
      const stored = resource.toStored(object);
      return write(resource, object, { do: 'create', key: keyOfObject(resource, object), value: encodeStored(stored) }, signal);
    },
    replace(resource, before, after, changed, signal) {
      const at = { key: keyOfObject(resource, before), resourceVersion: BigInt(before.metadata.resourceVersion) };
      if (!changed) return write(resource, before, { do: 'compare', ...at }, signal);
      return write(resource, after, { do: 'replace', ...at, value: encodeStored(resource.toStored(after)) }, signal);
    },
    remove(resource, before, signal) {
      const at = { key: keyOfObject(resource, before), resourceVersion: BigInt(before.metadata.resourceVersion) };
      return write(resource, before, { do: 'remove', ...at }, signal);
    },
  };
}
