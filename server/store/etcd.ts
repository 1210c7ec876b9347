import { randomUUID } from 'node:crypto';
import type { ICompare, IRangeResponse } from 'etcd3';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { abortable } from './abortable.ts';
import { mayShareTransaction, outcomesOf, transactionOf } from './etcd-batch.ts';
import { createEtcdClient, isExhausted, isOutOfRange, type EtcdClient, type EtcdTls } from './etcd-client.ts';
import { createEtcdCodec, DEFAULT_PREFIX, type EtcdCodec } from './etcd-codec.ts';
import { identityKey, otherInstallation, parseIdentity, refuseUnusable, type StoredIdentity } from './etcd-identity.ts';
import { describeEtcd, type EtcdMet } from './etcd-version.ts';
import { watchEtcd } from './etcd-watch.ts';
import {
  revisionOf,
  WRITES_PER_REVISION,
  type OutlinePage,
  type Store,
  type StoredList,
  type StoredObject,
  type StoreEvent,
  type StoreIdentity,
  type StoreWrite,
  type WriteOutcome,
} from './store.ts';
import type { StoreRoom } from './room.ts';
import { createWriteQueue, type WriteQueue } from './write-queue.ts';

export interface EtcdOptions {
  /** Such as http://10.0.0.1:2379; several are members of one cluster. */
  readonly endpoints: readonly string[];
  /** What all keys start with; "/lenticular/" unless told. Stores with different prefixes share revisions and compaction only. */
  readonly prefix?: string;
  readonly tls?: EtcdTls;
  /** What etcd was started with as its quota; its own default where it is not given, because etcd does not tell. */
  readonly quotaBytes?: number;
  readonly clock: Clock;
  /** Hears once which etcd answered. */
  readonly onMet?: (etcd: EtcdMet) => void;
}

const WAITING_WRITES = 4096;
const BATCHES_UNDER_WAY = 2;
/** Objects of one page: few until the objects have shown to be small, so that a page stays below what a response may have. */
const FIRST_PAGE = 64;
const GREATEST_PAGE = 8192;
/** What a page aims at: etcd 3.4 goes through all keys that follow for each page, and this process is busy with nothing else while it reads one. */
const PAGE_BYTES = 4 * 1024 * 1024;
const LIST_ATTEMPTS = 3;
const DEFAULT_QUOTA_BYTES = 2 * 2 ** 30;
/** etcd reads the objects even where only their keys are asked for; it must not be kept from its writers by that. */
const OUTLINE_PAUSE_MS = 20;

/**
 * Opens the store that lies in etcd, making its identity where there is none.
 * Rejects with ApiError ServiceUnavailable when no endpoint can be reached.
 */
export async function openEtcdStore(options: EtcdOptions, signal: AbortSignal): Promise<Store> {
  signal.throwIfAborted();
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  const client = createEtcdClient(options);
  try {
    const key = identityKey(prefix);
    const value = await abortable(readIdentity(client, key), signal);
    const identity = parseIdentity(value);
    refuseUnusable(identity);
    const { installation, incarnation, offset } = identity;
    // An etcd that withholds its version serves all the same.
    const version = options.onMet === undefined ? '' : await abortable(client.version(), signal).catch(() => 'unknown');
    signal.throwIfAborted();
    options.onMet?.(describeEtcd(version));
    const parts = { client, codec: createEtcdCodec(prefix, BigInt(offset)), opened: { key, value }, ...options };
    return new EtcdStore(parts, { installation, incarnation });
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Whoever comes first makes the identity; everybody reads the same one. */
async function readIdentity(client: EtcdClient, key: Buffer): Promise<Buffer> {
  const fresh = Buffer.from(JSON.stringify({ installation: randomUUID(), incarnation: 1, offset: '0' } satisfies StoredIdentity));
  const existing = await client.read((kv, call) => kv.range({ key }, call));
  const [found] = existing.kvs;
  if (found !== undefined) return found.value;
  const made = await client.write((kv, call) =>
    kv.txn(
      {
        compare: [{ key, target: 'Create', result: 'Equal', create_revision: '0' }],
        success: [{ request_put: { key, value: fresh } }],
        failure: [{ request_range: { key } }],
      },
      call,
    ),
  );
  if (made.succeeded) return fresh;
  return made.responses[0]?.response_range.kvs[0]?.value ?? Buffer.alloc(0);
}

interface EtcdParts {
  readonly client: EtcdClient;
  readonly codec: EtcdCodec;
  /** The identity: a server that outlives a restore of its etcd, or is led to another one, must neither write nor read what it does not know. */
  readonly opened: { readonly key: Buffer; readonly value: Buffer };
  readonly clock: Clock;
  readonly quotaBytes?: number;
}

class EtcdStore implements Store {
  readonly identity: StoreIdentity;
  readonly #parts: EtcdParts;
  readonly #queue: WriteQueue;
  readonly #open = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(parts: EtcdParts, identity: StoreIdentity) {
    this.identity = identity;
    this.#parts = parts;
    this.#queue = createWriteQueue({
      commit: (batch) => this.#commit(batch),
      mayJoin: mayShareTransaction,
      parallel: BATCHES_UNDER_WAY,
      limit: WAITING_WRITES,
      batchWrites: Number(WRITES_PER_REVISION),
    });
  }

  async get(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const asked = { compare: [this.#guard()], success: [{ request_range: { key: this.#parts.codec.key(key) } }] };
    const { succeeded, responses } = await this.#read((client) => client.read((kv, call) => kv.txn(asked, call)), signal);
    if (!succeeded) throw otherInstallation();
    const pair = responses[0]?.response_range.kvs[0];
    return pair === undefined ? undefined : this.#parts.codec.object(pair);
  }

  async room(signal: AbortSignal): Promise<StoreRoom> {
    const { client, quotaBytes = DEFAULT_QUOTA_BYTES } = this.#parts;
    const { bytes, refuses } = await abortable(client.size(), signal);
    return { usedBytes: bytes, freeBytes: Math.max(quotaBytes - bytes, 0), refuses };
  }

  list(prefix: string, signal: AbortSignal): Promise<StoredList> {
    return this.#fenced((client) => listEtcd(client, this.#parts.codec, prefix, signal), signal);
  }

  async *recall(changes: number, signal: AbortSignal): AsyncGenerator<StoredList, void, undefined> {
    const pages = recallEtcd(this.#parts.client, this.#parts.codec, changes, signal);
    for (;;) {
      const next = await this.#fenced(() => pages.next(), signal);
      if (next.done === true) return;
      yield next.value;
    }
  }

  async *outline(signal: AbortSignal): AsyncGenerator<OutlinePage, void, undefined> {
    const { codec, clock } = this.#parts;
    const range = codec.range('');
    let { key } = range;
    let revision: string | undefined;
    for (;;) {
      const request = { ...range, key, limit: GREATEST_PAGE, keys_only: true, ...(revision === undefined ? {} : { revision }) };
      const page = await this.#fenced((client) => readPage(client, request), signal);
      revision ??= page.header.revision;
      const places = page.kvs.map((pair) => ({ key: codec.name(pair), upTo: lastOf(pair.mod_revision, codec) }));
      yield { resourceVersion: lastOf(revision, codec), places };
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      key = Buffer.concat([last.key, Buffer.from([0])]);
      await clock.sleep(OUTLINE_PAUSE_MS, signal);
    }
  }

  async revision(signal: AbortSignal): Promise<bigint> {
    const { header } = await this.#read((client) => this.#verified(client), signal);
    return lastOf(header.revision, this.#parts.codec);
  }

  write(write: StoreWrite, signal: AbortSignal): Promise<WriteOutcome> {
    return this.#queue.push(write, signal);
  }

  async *watch(prefix: string, after: bigint, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[], void, undefined> {
    const { client, codec, clock } = this.#parts;
    const options = { client, codec, clock, prefix, after, verify: () => this.#verified(client) };
    yield* watchEtcd(options, AbortSignal.any([signal, this.#open.signal]));
  }

  async compact(upTo: bigint, signal: AbortSignal): Promise<void> {
    // etcd forgets whole revisions only, so one that reaches further than `upTo` stays.
    const { revision } = revisionOf(upTo + 1n, this.#parts.codec.offset);
    if (revision <= 1n) return;
    try {
      await this.#read((client) => client.read((kv, call) => kv.compact({ revision: (revision - 1n).toString() }, call)), signal);
    } catch (error) {
      // Another server has compacted further already.
      if (!isOutOfRange(error)) throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#open.abort();
    await this.#queue.drain(new ApiError('ServiceUnavailable', 'the store is closed'));
    this.#parts.client.close();
  }

  async #commit(batch: readonly StoreWrite[]): Promise<readonly WriteOutcome[]> {
    const { client, codec } = this.#parts;
    const response = await client.write((kv, call) => kv.txn(transactionOf(batch, codec, this.#guard()), call));
    return outcomesOf(batch, response, codec);
  }

  #guard(): ICompare {
    return { ...this.#parts.opened, target: 'Value', result: 'Equal' };
  }

  /** What etcd says of the identity, when it is the one that was opened. */
  async #verified(client: EtcdClient): Promise<IRangeResponse> {
    const { key, value } = this.#parts.opened;
    const found = await client.read((kv, call) => kv.range({ key }, call));
    if (found.kvs[0]?.value.equals(value) !== true) throw otherInstallation();
    return found;
  }

  /** An answer that is handed out only when etcd is found to be the one that was opened after it was given. */
  async #fenced<T>(call: (client: EtcdClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    const answer = await this.#read(call, signal);
    await this.#read((client) => this.#verified(client), signal);
    return answer;
  }

  #read<T>(call: (client: EtcdClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(new ApiError('ServiceUnavailable', 'the store is closed'));
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return abortable(call(this.#parts.client), signal);
  }
}

async function listEtcd(client: EtcdClient, codec: EtcdCodec, prefix: string, signal: AbortSignal): Promise<StoredList> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await listOnce(client, codec, { prefix }, signal);
    } catch (error) {
      // The revision that the pages are of was compacted between two of them.
      if (!isOutOfRange(error) || attempt === LIST_ATTEMPTS) throw error;
    }
  }
}

/**
 * etcd tells neither how far its history reaches nor how many changes a revision holds: the one is found by trying, and most changes
 * that come many in a revision show as growth.
 */
async function* recallEtcd(
  client: EtcdClient,
  codec: EtcdCodec,
  changes: number,
  signal: AbortSignal,
): AsyncGenerator<StoredList, void, undefined> {
  const now = await countAt(client, codec, undefined);
  if (now === undefined) throw new ApiError('InternalError', 'etcd does not know its newest revision');
  let [back, tooFar] = [0, Math.min(changes, Number(now.header.revision) - 1) + 1];
  for (let next = tooFar - 1; tooFar - back > 1 + back / 32; next = (back + tooFar) >> 1) {
    signal.throwIfAborted();
    const then = await countAt(client, codec, BigInt(now.header.revision) - BigInt(next));
    if (then !== undefined && Math.abs(Number(now.count) - Number(then.count)) <= changes) back = next;
    else tooFar = next;
  }
  // Where another server lets etcd forget that meanwhile, the caller begins again.
  if (back > 0) yield* pagesOf(client, codec, { prefix: '', revision: String(BigInt(now.header.revision) - BigInt(back)) }, signal);
  else yield await listEtcd(client, codec, '', signal);
}

/** How many objects there were at a revision; undefined where history does not reach back that far. */
async function countAt(client: EtcdClient, codec: EtcdCodec, revision: bigint | undefined): Promise<IRangeResponse | undefined> {
  const range = { ...codec.range(''), count_only: true, ...(revision === undefined ? {} : { revision: String(revision) }) };
  try {
    return await client.read((kv, call) => kv.range(range, call));
  } catch (error) {
    if (isOutOfRange(error)) return undefined;
    throw error;
  }
}

interface ListRequest {
  readonly prefix: string;
  /** Of the first page unless told. */
  readonly revision?: string;
}

/** All pages as of one revision; the next is read while the caller works on one. */
async function* pagesOf(
  client: EtcdClient,
  codec: EtcdCodec,
  request: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<StoredList, void, undefined> {
  const range = codec.range(request.prefix);
  let { revision } = request;
  let limit = FIRST_PAGE;
  const read = (key: Buffer): Promise<IRangeResponse> =>
    readPage(client, { ...range, key, limit, ...(revision === undefined ? {} : { revision }) });
  let coming = read(range.key);
  for (;;) {
    const page: IRangeResponse = await coming;
    signal.throwIfAborted();
    revision ??= page.header.revision;
    const last = page.kvs.at(-1);
    const more = page.more && last !== undefined;
    if (more) {
      const bytes = page.kvs.reduce((sum, pair) => sum + pair.value.length, 0);
      const fitting = Math.floor((PAGE_BYTES * page.kvs.length) / Math.max(bytes, 1));
      limit = Math.max(FIRST_PAGE, Math.min(fitting, limit * 4, GREATEST_PAGE));
      coming = read(Buffer.concat([last.key, Buffer.from([0])]));
      // Heard of with the next page, if the caller comes for it.
      coming.catch(() => undefined);
    }
    yield { resourceVersion: lastOf(revision, codec), objects: page.kvs.map((pair) => codec.object(pair)) };
    if (!more) return;
  }
}

async function listOnce(client: EtcdClient, codec: EtcdCodec, request: ListRequest, signal: AbortSignal): Promise<StoredList> {
  const objects: StoredObject[] = [];
  let resourceVersion = 0n;
  for await (const page of pagesOf(client, codec, request, signal)) {
    ({ resourceVersion } = page);
    for (const object of page.objects) objects.push(object);
  }
  return { resourceVersion, objects };
}

interface PageRequest {
  readonly key: Buffer;
  readonly range_end: Buffer;
  readonly limit: number;
  readonly keys_only?: boolean;
  readonly revision?: string;
}

async function readPage(client: EtcdClient, page: PageRequest): Promise<IRangeResponse> {
  try {
    return await client.read((kv, call) => kv.range(page, call));
  } catch (error) {
    if (!isExhausted(error) || page.limit <= FIRST_PAGE) throw error;
    return readPage(client, { ...page, limit: FIRST_PAGE });
  }
}

function lastOf(revision: string, codec: EtcdCodec): bigint {
  return codec.version(BigInt(revision), Number(WRITES_PER_REVISION) - 1);
}
