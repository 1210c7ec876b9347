import type { StoredList, StoredObject, StoreEvent } from '../store/store.ts';
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
  /**
   * Puts the objects of these pages, of one version, in place of all that was; slice by slice, and what was is read until it is done.
   * Answers their version.
   */
  fill(pages: AsyncIterable<StoredList>, signal: AbortSignal): Promise<bigint>;
  /** Applies one change and lets it be heard of; answers its version. */
  apply(event: StoreEvent): bigint;
  /** Ends whatever goes on from what was. */
  lose(): void;
  /** Calls the listener from now on, until the answer is called. */
  listen(prefix: string, listener: CacheListener): () => void;
  /** How many listen. */
  listening(prefix: string): number;
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

/** A table of each resource, empty. */
function emptyTables(prefixes: Iterable<string>, resourceVersion: bigint, history: ChangeLogLimits): ReadonlyMap<string, Table> {
  return new Map(Array.from(prefixes, (prefix) => [prefix, createTable(resourceVersion, history)]));
}

async function load(
  tables: ReadonlyMap<string, Table>,
  shapes: ReadonlyMap<string, EntryShape>,
  objects: readonly StoredObject[],
  signal: AbortSignal,
): Promise<void> {
  let size = 0;
  for (const stored of objects) {
    const prefix = prefixOf(stored.key);
    const shape = shapes.get(prefix);
    if (shape !== undefined) tables.get(prefix)?.load(entryOf(stored, shape));
    size += sizeOf(stored.value);
    if (size < SLICE_SIZE) continue;
    size = 0;
    await nextTurn(signal);
  }
}

/** Empty tables; `freeze` freezes every object, for tests. */
export function createTables(resources: readonly Resource[], history: ChangeLogLimits, freeze: boolean): Tables {
  const stored = resources.filter(({ kind }) => kind.storedAs === undefined);
  const shapes = new Map(stored.map((resource) => [resource.prefix, shapeOf(resource, freeze)]));
  const listeners = new Map(stored.map(({ prefix }) => [prefix, new Set<CacheListener>()]));
  let of = emptyTables(shapes.keys(), 0n, history);
  return {
    now: () => of,
    async fill(pages, signal) {
      let tables: ReadonlyMap<string, Table> | undefined;
      let version = 0n;
      for await (const { resourceVersion, objects } of pages) {
        tables ??= emptyTables(shapes.keys(), resourceVersion, history);
        version = resourceVersion;
        await load(tables, shapes, objects, signal);
      }
      if (tables === undefined) throw new RangeError('a list has at least one page');
      of = tables;
      return version;
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
    listening: (prefix) => listeners.get(prefix)?.size ?? 0,
  };
}
