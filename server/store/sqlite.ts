import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ApiError } from '../../apis/meta/api-error.ts';
import { abortable } from './abortable.ts';
import { prefixEnd } from './key-range.ts';
import { linkEngine, startEngine } from './sqlite-link.ts';
import type {
  EngineCall,
  EngineCalls,
  ListPart,
  EngineChange,
  EngineLink,
  EngineObject,
  EngineOutcome,
  EngineRange,
  EngineWrite,
} from './sqlite-protocol.ts';
import {
  WRITES_PER_REVISION,
  type Store,
  type StoreEvent,
  type StoreIdentity,
  type StoredList,
  type StoredObject,
  type StoreWrite,
  type WriteOutcome,
} from './store.ts';
import type { StoreRoom } from './room.ts';
import { createWatchHub, versionOf, type HistoryPage, type WatchHub } from './watch-hub.ts';
import { createWriteQueue, type Soon, type WriteQueue } from './write-queue.ts';

export interface SqliteOptions {
  /** A path, or ":memory:" for a store that ends with the process and runs on the caller's thread. */
  readonly file: string;
  /** When gathered writes are made durable; see WriteQueueOptions. */
  readonly soon?: Soon;
}

const WAITING_WRITES = 4096;

/**
 * Opens the embedded store, making the file (0600) and its directory (0700) where there are none.
 * Rejects with ApiError ServiceUnavailable when another process has it open or the disk fails, InternalError when the file is not a store.
 */
export async function openSqliteStore(options: SqliteOptions, signal: AbortSignal): Promise<Store> {
  signal.throwIfAborted();
  const link = options.file === ':memory:' ? await linkMemory() : await startEngine(options.file, signal);
  try {
    const { installation, incarnation, offset } = await link.ask('identity', undefined);
    const revision = await link.ask('revision', undefined);
    return new SqliteStore(link, { installation, incarnation }, { offset: BigInt(offset), revision, ...options });
  } catch (error) {
    // Else its thread would keep the process, and the file, for nobody.
    await link.ask('close', undefined).catch(() => undefined);
    throw error;
  }
}

/** Loaded only here, so that a process with a store in a file keeps SQLite in the other thread. */
async function linkMemory(): Promise<EngineLink> {
  const { openEngine } = await import('./sqlite-engine.ts');
  return linkEngine(openEngine(':memory:'));
}

interface Opened {
  readonly offset: bigint;
  readonly revision: number;
  readonly file: string;
  readonly soon?: Soon;
}

class SqliteStore implements Store {
  readonly identity: StoreIdentity;
  readonly #link: EngineLink;
  readonly #offset: bigint;
  readonly #file: string;
  readonly #hub: WatchHub;
  readonly #queue: WriteQueue;
  /** The last version that watches were told; what is durable beyond it is read from history after a commit of unknown outcome. */
  #published: number;
  #recovering = false;
  #recovery: Promise<boolean> | undefined;
  #closing: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(link: EngineLink, identity: StoreIdentity, { offset, revision, file, soon }: Opened) {
    this.identity = identity;
    this.#link = link;
    this.#offset = offset;
    this.#file = file;
    this.#published = (revision + 1) * Number(WRITES_PER_REVISION) - 1;
    this.#hub = createWatchHub((prefix, after, signal) => this.#history(prefix, after, signal));
    this.#queue = createWriteQueue({
      commit: (batch) => this.#commit(batch),
      mayJoin: () => true,
      parallel: 1,
      limit: WAITING_WRITES,
      batchWrites: Number(WRITES_PER_REVISION),
      ...(soon !== undefined && { soon }),
    });
    link.onFailure((error) => {
      this.#hub.end(error);
      void this.#queue.drain(error);
    });
  }

  async get(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const object = await this.#ask('get', key, signal);
    return object === undefined ? undefined : this.#object(object);
  }

  async list(prefix: string, signal: AbortSignal): Promise<StoredList> {
    const objects: StoredObject[] = [];
    const revision = await this.#ask('list', rangeOf(prefix), signal, (part) => {
      for (const object of part) objects.push(this.#object(object));
    });
    return { resourceVersion: this.#lastOf(revision), objects };
  }

  async *recall(changes: number, signal: AbortSignal): AsyncGenerator<StoredList, void, undefined> {
    const objects: StoredObject[] = [];
    const revision = await this.#ask('recall', changes, signal, (part) => {
      for (const object of part) objects.push(this.#object(object));
    });
    yield { resourceVersion: this.#lastOf(revision), objects };
  }

  async revision(signal: AbortSignal): Promise<bigint> {
    // Whoever waits for the newest version waits for watches to hear of it.
    if (this.#recovering && !(await abortable(this.#recover(), signal))) throw recovering();
    return this.#lastOf(await this.#ask('revision', undefined, signal));
  }

  async room(signal: AbortSignal): Promise<StoreRoom | undefined> {
    signal.throwIfAborted();
    if (this.#file === ':memory:') return undefined;
    const sizes = await Promise.all([this.#file, `${this.#file}-wal`].map((path) => stat(path).catch(() => ({ size: 0 }))));
    const { bavail, bsize } = await statfs(dirname(this.#file));
    return { usedBytes: sizes.reduce((sum, { size }) => sum + size, 0), freeBytes: bavail * bsize, refuses: false };
  }

  write(write: StoreWrite, signal: AbortSignal): Promise<WriteOutcome> {
    return this.#queue.push(write, signal);
  }

  watch(prefix: string, after: bigint, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    return this.#hub.watch(prefix, after, signal);
  }

  async compact(upTo: bigint, signal: AbortSignal): Promise<void> {
    if (this.#recovering) throw recovering();
    const version = this.#version(upTo);
    // Slice by slice, so that writes are served in between.
    while (await this.#ask('compact', version, signal));
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    const closed = new ApiError('ServiceUnavailable', 'the store is closed');
    this.#hub.end();
    await this.#queue.drain(closed);
    // A store that has failed has let go of its file already.
    await this.#link.ask('close', undefined).catch(() => undefined);
  }

  async #commit(batch: readonly StoreWrite[]): Promise<readonly WriteOutcome[]> {
    if (this.#recovering && !(await this.#recover())) throw recovering();
    const outcomes = await this.#apply(batch.map((write) => this.#engineWrite(write)));
    const told = outcomes.map((outcome) => this.#outcome(outcome));
    const events = batch.flatMap((write, at) => eventOf(write, told[at]));
    if (events.length > 0) this.#publish(events);
    return told;
  }

  #publish(events: readonly StoreEvent[]): void {
    const last = events.at(-1);
    if (last !== undefined) this.#published = Number(versionOf(last) - this.#offset);
    this.#hub.publish(events);
  }

  async #apply(writes: readonly EngineWrite[]): Promise<readonly EngineOutcome[]> {
    try {
      return await this.#link.ask('apply', writes);
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'Timeout') {
        this.#recovering = true;
        void this.#recover();
      }
      throw error;
    }
  }

  /** One recovery for all who need it. */
  #recover(): Promise<boolean> {
    this.#recovery ??= this.#catchUp().finally(() => (this.#recovery = undefined));
    return this.#recovery;
  }

  /** Tells the watches what the file turned out to hold; false where it cannot be read yet. No write is taken before. */
  async #catchUp(): Promise<boolean> {
    const { signal } = this.#stop;
    try {
      for (let more = true; more;) {
        const page = await this.#history('', this.#offset + BigInt(this.#published), signal);
        for (const events of page.revisions) this.#publish(events);
        more = page.more;
      }
    } catch (error) {
      // The history does not go on from what was told, or the file is gone for good: better no watch than one with a gap.
      if (error instanceof ApiError && error.details.retryAfterSeconds === undefined) this.#hub.end(error);
      return false;
    }
    this.#recovering = false;
    return true;
  }

  async #history(prefix: string, after: bigint, signal: AbortSignal): Promise<HistoryPage> {
    const page = await this.#ask('history', { range: rangeOf(prefix), after: this.#version(after) }, signal);
    if (page.state === 'compacted')
      throw new ApiError('Expired', `the changes after resourceVersion ${String(after)} are forgotten; list again`);
    if (page.state === 'future') throw new ApiError('Expired', `resourceVersion ${String(after)} is newer than this store; list again`);
    return {
      revisions: byRevision(page.changes).map((changes) => changes.map((change) => this.#event(change))),
      upTo: this.#offset + BigInt(page.upTo),
      more: page.more,
    };
  }

  #ask<K extends EngineCall>(
    call: K,
    input: EngineCalls[K]['input'],
    signal: AbortSignal,
    part?: (objects: ListPart) => void,
  ): Promise<EngineCalls[K]['output']> {
    if (this.#closing !== undefined) return Promise.reject(new ApiError('ServiceUnavailable', 'the store is closed'));
    return abortable(this.#link.ask(call, input, part), signal);
  }

  #object(object: EngineObject): StoredObject {
    return { key: object.key, value: object.value, resourceVersion: this.#offset + BigInt(object.version) };
  }

  #event(change: EngineChange): StoreEvent {
    const resourceVersion = this.#offset + BigInt(change.version);
    if (change.value === undefined) return { type: 'remove', key: change.key, resourceVersion };
    return { type: 'put', object: { key: change.key, value: change.value, resourceVersion } };
  }

  #outcome(outcome: EngineOutcome): WriteOutcome {
    if (outcome.ok) return { ok: true, resourceVersion: this.#offset + BigInt(outcome.version) };
    return { ok: false, current: outcome.current === undefined ? undefined : this.#object(outcome.current) };
  }

  #engineWrite(write: StoreWrite): EngineWrite {
    if (write.do === 'create') return write;
    const { resourceVersion, ...rest } = write;
    return { ...rest, version: this.#version(resourceVersion) };
  }

  /** A version of before the offset is -1 (older than everything); one beyond what the file can count is the last number. */
  #version(resourceVersion: bigint): number {
    const version = resourceVersion - this.#offset;
    if (version < 0n) return -1;
    return version > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(version);
  }

  #lastOf(revision: number): bigint {
    return this.#offset + BigInt(revision) * WRITES_PER_REVISION + WRITES_PER_REVISION - 1n;
  }
}

function recovering(): ApiError {
  return new ApiError('ServiceUnavailable', 'the store is being opened again after an error of the disk', {
    details: { retryAfterSeconds: 1 },
  });
}

function rangeOf(prefix: string): EngineRange {
  return { start: prefix, end: prefixEnd(prefix) };
}

function eventOf(write: StoreWrite, outcome: WriteOutcome | undefined): readonly StoreEvent[] {
  if (outcome?.ok !== true || write.do === 'compare') return [];
  const { resourceVersion } = outcome;
  if (write.do === 'remove') return [{ type: 'remove', key: write.key, resourceVersion }];
  return [{ type: 'put', object: { key: write.key, value: write.value, resourceVersion } }];
}

function byRevision(changes: readonly EngineChange[]): readonly (readonly EngineChange[])[] {
  const groups: EngineChange[][] = [];
  let revision = -1;
  for (const change of changes) {
    const of = Math.floor(change.version / Number(WRITES_PER_REVISION));
    if (of === revision) groups.at(-1)?.push(change);
    else groups.push([change]);
    revision = of;
  }
  return groups;
}
