import type { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { WatchEvent } from '../../apis/meta/request.ts';
import type { Store, StoreWrite } from '../store/store.ts';
import type { WatchCache } from './cache.ts';
import { decodeStored, encodeStored, withResourceVersion } from './codec.ts';
import type { Entry } from './entry.ts';
import { decodeContinuation, encodeContinuation } from './pages.ts';
import { expired } from './refusals.ts';
import { keyOf, prefixIn, type Resource } from './resource.ts';
import { isSelective, matcherOf, nameIn, tokensOf, type Selection } from './selection.ts';
import type { Rows } from './rows.ts';
import type { Table } from './table.ts';
import { nextTurn } from './turn.ts';
import { createEvents, openWatch, type Scope, type WatchStart } from './watcher.ts';

/** Entries looked at in one go. */
const SLICE = 1024;

/** How new a read must be. `Exact` is the state at one version. */
export type Freshness =
  { readonly want: 'newest' } | { readonly want: 'any' } | { readonly want: 'notOlderThan' | 'exact'; readonly resourceVersion: bigint };

export interface ListOptions {
  readonly resource: Resource;
  /** Empty: all namespaces. */
  readonly namespace: string;
  readonly selection: Selection;
  readonly freshness: Freshness;
  /** 0: all of them. */
  readonly limit: number;
  readonly continueToken?: string;
}

export interface ObjectList {
  readonly resourceVersion: bigint;
  readonly entries: readonly Entry[];
  readonly continueToken?: string;
  /** How many are left after this page, where that is known. */
  readonly remaining?: number;
}

export interface WatchRequest {
  readonly resource: Resource;
  readonly namespace: string;
  readonly selection: Selection;
  readonly freshness: Freshness;
  /** `changes`: only what changes after the version. `state`: first every object; with `markEnd`, a bookmark says where they end. */
  readonly initial: 'changes' | 'state';
  readonly markEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

/** A write that did not happen, because the object is not (or no longer) as the caller thought. */
export type Written = { readonly ok: true; readonly object: ApiObject } | { readonly ok: false; readonly current: ApiObject | undefined };

/**
 * What is true of any object: reads from the watch cache, writes that compare and swap. Objects go in and out in the shape of their
 * resource; entries of the cache are read with `objectIn` and `textIn`.
 */
export interface Registry {
  get(resource: Resource, namespace: string, name: string, freshness: Freshness, signal: AbortSignal): Promise<Entry | undefined>;
  list(options: ListOptions, signal: AbortSignal): Promise<ObjectList>;
  watch(request: WatchRequest, signal: AbortSignal): Promise<AsyncIterable<WatchEvent>>;
  /** The object as of now, from the store itself: what a write compares with. */
  read(resource: Resource, namespace: string, name: string, signal: AbortSignal): Promise<ApiObject | undefined>;
  create(resource: Resource, object: ApiObject, signal: AbortSignal): Promise<Written>;
  /** Replaces `before`, or only compares with it when nothing changes (`changed` false). */
  replace(resource: Resource, before: ApiObject, after: ApiObject, changed: boolean, signal: AbortSignal): Promise<Written>;
  remove(resource: Resource, before: ApiObject, signal: AbortSignal): Promise<Written>;
}

/** The rows that can hold what is selected, fewer than all where an index knows better. */
function rowsNow(table: Table, prefix: string, { resource, namespace, selection }: ListOptions): Rows {
  const name = nameIn(selection);
  if (name !== undefined && (namespace !== '' || resource.kind.scope === 'Cluster')) {
    const entry = table.get(`${prefix}${name}`);
    return {
      size: entry === undefined ? 0 : 1,
      slice: (from) => (entry === undefined || from > 0 ? [] : [entry]),
      above: (key) => (entry !== undefined && entry.key > key ? 0 : 1),
    };
  }
  return table.found(prefix, tokensOf(resource, selection)) ?? table.rows(prefix);
}

/** The selected entries of one page, and how many rows are left after it; `rows` stays as it is while others have their turn. */
async function page(
  rows: Rows,
  { resource, selection, limit }: ListOptions,
  after: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly Entry[]; readonly left: number }> {
  const start = after === undefined ? 0 : rows.above(after);
  const most = limit === 0 ? rows.size : limit;
  if (!isSelective(selection)) {
    const entries = rows.slice(start, start + most);
    return { entries, left: rows.size - start - entries.length };
  }
  const matches = matcherOf(resource, selection);
  const entries: Entry[] = [];
  for (let at = start; at < rows.size; at += SLICE) {
    if (at > start) await nextTurn(signal);
    for (const [index, entry] of rows.slice(at, at + SLICE).entries()) {
      if (!matches(entry)) continue;
      entries.push(entry);
      if (entries.length === most) return { entries, left: rows.size - (at + index) - 1 };
    }
  }
  return { entries, left: 0 };
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
  const events = createEvents();

  async function settle(freshness: Freshness, signal: AbortSignal): Promise<void> {
    if (freshness.want === 'newest') return cache.fresh(signal);
    if (freshness.want !== 'any') return cache.reached(freshness.resourceVersion, signal);
  }

  async function list(options: ListOptions, signal: AbortSignal): Promise<ObjectList> {
    const { resource, namespace, selection, freshness, continueToken } = options;
    const prefix = prefixIn(resource, namespace);
    const continuation = continueToken === undefined ? undefined : decodeContinuation(prefix, continueToken);
    const at = continuation?.resourceVersion ?? (freshness.want === 'exact' ? freshness.resourceVersion : undefined);
    await settle(at === undefined ? freshness : { want: 'exact', resourceVersion: at }, signal);
    const resourceVersion = at ?? cache.position();
    const table = cache.table(resource.prefix);
    const rows = at === undefined || at === cache.position() ? rowsNow(table, prefix, options) : table.rowsAt(prefix, at);
    if (rows === undefined) throw tooOld(at, continuation !== undefined);
    const { entries, left } = await page(rows, options, continuation?.after, signal);
    const last = entries.at(-1);
    if (last === undefined || left === 0) return { resourceVersion, entries };
    const token = encodeContinuation(prefix, { resourceVersion, after: last.key });
    return { resourceVersion, entries, continueToken: token, ...(!isSelective(selection) && { remaining: left }) };
  }

  async function write(resource: Resource, object: ApiObject, what: StoreWrite, signal: AbortSignal): Promise<Written> {
    const outcome = await store.write(what, signal);
    if (outcome.ok) return { ok: true, object: withResourceVersion(object, outcome.resourceVersion) };
    return { ok: false, current: outcome.current && resource.fromStored(decodeStored(outcome.current, freeze)) };
  }

  return {
    async get(resource, namespace, name, freshness, signal) {
      await settle(freshness, signal);
      return cache.table(resource.prefix).get(keyOf(resource, namespace, name));
    },
    list,
    async watch({ resource, namespace, selection, freshness, initial, markEnd, bookmarks, timeoutMs }, signal) {
      await settle(freshness, signal);
      const scope: Scope = { resource, prefix: prefixIn(resource, namespace), matches: matcherOf(resource, selection) };
      const after = 'resourceVersion' in freshness ? freshness.resourceVersion : cache.position();
      const start: WatchStart = initial === 'state' ? { from: 'state', markEnd } : { from: 'version', after };
      return openWatch(cache, clock, events, { scope, start, bookmarks, timeoutMs }, signal);
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
