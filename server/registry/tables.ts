import type { StoredList, StoreEvent } from '../store/store.ts';
import type { Change, ChangeLogLimits } from './change-log.ts';
import { entryOf, shapeOf, type EntryShape } from './entry.ts';
import type { Resource } from './resource.ts';
import { createTable, type Table } from './table.ts';
import { nextTurn } from './turn.ts';

/** Hears of every change of one resource, in order, and of `lost`: the cache began anew and knows no changes in between. */
export interface CacheListener {
  changed(change: Change): void;
  lost(): void;
}

/** The tables of all resources, by the prefix of their keys, and who listens to them. */
export interface Tables {
  /** New ones at once for all, whenever they are filled anew. */
  now(): ReadonlyMap<string, Table>;
  /** Puts these objects in place of all that was; slice by slice, and what was is read until it is done. */
  fill(list: StoredList, signal: AbortSignal): Promise<void>;
  /** Applies one change and lets it be heard of; answers its version. */
  apply(event: StoreEvent): bigint;
  /** Ends whatever goes on from what was. */
  lose(): void;
  /** Calls the listener from now on, until the answer is called. */
  listen(prefix: string, listener: CacheListener): () => void;
}

/** What is parsed in one go, in the size of stored objects. */
export const SLICE_SIZE = 384 * 1024;
/** What an object costs beyond its text. */
const OBJECT_SIZE = 512;

/** What it costs to take in a stored text, in characters. */
export function sizeOf(value: string): number {
  return OBJECT_SIZE + value.length;
}

/** Objects' keys are `group/plural/...`: the prefix of their resource is the first two parts. */
export function prefixOf(key: string): string {
  return key.slice(0, key.indexOf('/', key.indexOf('/') + 1) + 1);
}

async function build(
  shapes: ReadonlyMap<string, EntryShape>,
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
    size += sizeOf(stored.value);
    if (size < SLICE_SIZE) continue;
    size = 0;
    await nextTurn(signal);
  }
  return of;
}

/** Empty tables; `freeze` freezes every object, for tests. */
export function createTables(resources: readonly Resource[], history: ChangeLogLimits, freeze: boolean): Tables {
  const stored = resources.filter(({ kind }) => kind.storedAs === undefined);
  const shapes = new Map(stored.map((resource) => [resource.prefix, shapeOf(resource, freeze)]));
  const listeners = new Map(stored.map(({ prefix }) => [prefix, new Set<CacheListener>()]));
  let of: ReadonlyMap<string, Table> = new Map(stored.map(({ prefix }) => [prefix, createTable(0n, history)]));
  return {
    now: () => of,
    async fill(list, signal) {
      of = await build(shapes, list, history, signal);
    },
    apply(event) {
      const { key, resourceVersion } = event.type === 'put' ? event.object : event;
      const prefix = prefixOf(key);
      const table = of.get(prefix);
      const shape = shapes.get(prefix);
      if (table === undefined || shape === undefined) return resourceVersion;
      const change = event.type === 'put' ? table.put(entryOf(event.object, shape)) : table.remove(key, resourceVersion);
      if (change !== undefined) for (const listener of [...(listeners.get(prefix) ?? [])]) listener.changed(change);
      return resourceVersion;
    },
    lose() {
      for (const set of listeners.values()) for (const listener of [...set]) listener.lost();
    },
    listen(prefix, listener) {
      const set = listeners.get(prefix);
      set?.add(listener);
      return () => set?.delete(listener);
    },
  };
}
