import { randomUUID } from 'node:crypto';
import type { ICompare, IKeyValue, IRangeResponse, IRequestOp } from 'etcd3';
import { ApiError } from '../../apis/meta/api-error.ts';
import { abortable } from './abortable.ts';
import { createEtcdClient, isOutOfRange, type EtcdClient } from './etcd-client.ts';
import { createEtcdCodec, DEFAULT_PREFIX, encodeValue, FIRST_PUT_INDEX, type EtcdCodec } from './etcd-codec.ts';
import { identityKey, parseIdentity, type StoredIdentity } from './etcd-identity.ts';
import type { EtcdOptions } from './etcd.ts';
import type { Snapshot, SnapshotHeader, SnapshotObject } from './snapshot.ts';

/** Objects of one page: so few that the largest fit into one response. */
const PAGE = 64;
/** Bounds of one transaction: etcd takes 128 operations and 1.5 MiB. */
const BATCH_OBJECTS = 63;
const BATCH_BYTES = 256 * 1024;

/** A store in etcd at one revision. */
export interface EtcdSnapshot extends Snapshot {
  readonly state: StoredIdentity['state'];
  /** As pages, but with a finding for each value that is not of this program. */
  rawPages(signal: AbortSignal): AsyncIterable<readonly (SnapshotObject | { readonly finding: string })[]>;
  close(): void;
}

interface Place {
  readonly client: EtcdClient;
  /** Without offset: versions are counted as in a snapshot. */
  readonly codec: EtcdCodec;
  readonly key: Buffer;
}

interface Found {
  readonly revision: bigint;
  readonly value: Buffer | undefined;
  readonly identity: StoredIdentity | undefined;
}

function placeOf(options: EtcdOptions): Place {
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  return { client: createEtcdClient(options), codec: createEtcdCodec(prefix, 0n), key: identityKey(prefix) };
}

async function find({ client, key }: Place): Promise<Found> {
  const { header, kvs } = await client.read((kv, call) => kv.range({ key }, call));
  const value = kvs[0]?.value;
  return { revision: BigInt(header.revision), value, identity: value === undefined ? undefined : parseIdentity(value) };
}

function headerOf({ installation, incarnation, offset }: StoredIdentity, revision: bigint): SnapshotHeader {
  return { installation, incarnation, offset: BigInt(offset), revision };
}

/** Opens the store in etcd as of now; servers go on writing. Rejects with ApiError NotFound where there is none. */
export async function openEtcdSnapshot(options: EtcdOptions, signal: AbortSignal): Promise<EtcdSnapshot> {
  const place = placeOf(options);
  try {
    const { identity, revision } = await abortable(find(place), signal);
    if (identity === undefined) throw new ApiError('NotFound', 'there is no store in this etcd');
    return snapshotOf(place, identity, revision);
  } catch (error) {
    place.client.close();
    throw error;
  }
}

function snapshotOf(place: Place, identity: StoredIdentity, revision: bigint): EtcdSnapshot {
  const { codec, client } = place;
  return {
    header: headerOf(identity, revision),
    state: identity.state,
    async *pages(signal) {
      for await (const page of readPages(place, revision, signal)) yield page.map((pair) => objectOf(codec, pair));
    },
    async *rawPages(signal) {
      for await (const page of readPages(place, revision, signal)) yield page.map((pair) => objectOrFinding(codec, pair));
    },
    close: () => {
      client.close();
    },
  };
}

function objectOf(codec: EtcdCodec, pair: IKeyValue): SnapshotObject {
  const { key, value, resourceVersion } = codec.object(pair);
  return { key, value, version: resourceVersion };
}

function objectOrFinding(codec: EtcdCodec, pair: IKeyValue): SnapshotObject | { readonly finding: string } {
  try {
    return objectOf(codec, pair);
  } catch (error) {
    if (error instanceof ApiError) return { finding: error.message };
    throw error;
  }
}

async function* readPages({ client, codec }: Place, revision: bigint, signal: AbortSignal): AsyncGenerator<readonly IKeyValue[]> {
  const range = codec.range('');
  let { key } = range;
  for (;;) {
    const request = { ...range, key, limit: PAGE, revision: revision.toString() };
    const page = await abortable(readPage(client, request), signal);
    const last = page.kvs.at(-1);
    if (last === undefined) return;
    yield page.kvs;
    if (!page.more) return;
    key = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

async function readPage(
  client: EtcdClient,
  request: Parameters<Parameters<Parameters<EtcdClient['read']>[0]>[0]['range']>[0],
): Promise<IRangeResponse> {
  try {
    return await client.read((kv, call) => kv.range(request, call));
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
    throw new ApiError('ServiceUnavailable', 'etcd forgot the revision while it was being read; try again', { cause: error });
  }
}

/**
 * Takes the store in etcd away from servers for good, whose writes fail from then on, so that its copy can live; resolves with the store
 * as it then is. Doing it again is allowed: the first copy may have failed.
 */
export async function retireEtcd(options: EtcdOptions, signal: AbortSignal): Promise<EtcdSnapshot> {
  const place = placeOf(options);
  try {
    const { value, identity } = await abortable(find(place), signal);
    if (value === undefined || identity === undefined) throw new ApiError('NotFound', 'there is no store in this etcd');
    if (identity.state === 'restoring') throw new ApiError('Conflict', 'the store in etcd is half copied, so it cannot be moved');
    const moved: StoredIdentity = { ...identity, state: 'moved' };
    if (identity.state !== 'moved') await swapIdentity(place, value, moved);
    // Every write that was let in is of a revision before this one.
    const after = await abortable(find(place), signal);
    return snapshotOf(place, moved, after.revision);
  } catch (error) {
    place.client.close();
    throw error;
  }
}

/** A place in etcd that a copy may fill. */
export interface EtcdTarget {
  /** The identity of an empty store, or of a copy that was interrupted. */
  readonly remaining: SnapshotHeader | undefined;
  /** Puts `snapshot` there. Until it resolves no server opens the place; when it rejects, it must be run again. */
  write(snapshot: Snapshot, signal: AbortSignal): Promise<void>;
  release(): void;
}

/** Looks whether the place may be filled. Rejects with ApiError Conflict where objects are that are not of an interrupted copy. */
export async function openEtcdTarget(options: EtcdOptions, signal: AbortSignal): Promise<EtcdTarget> {
  const place = placeOf(options);
  try {
    const found = await abortable(find(place), signal);
    const objects = await abortable(countObjects(place), signal);
    if (objects > 0 && found.identity?.state !== 'restoring') {
      throw new ApiError('Conflict', 'the store in etcd holds objects: nothing was changed; use another etcd, or delete its objects first');
    }
    return {
      remaining: found.identity === undefined ? undefined : headerOf(found.identity, found.revision),
      write: (snapshot, stop) => fill(place, found, snapshot, stop),
      release: () => {
        place.client.close();
      },
    };
  } catch (error) {
    place.client.close();
    throw error;
  }
}

async function countObjects({ client, codec }: Place): Promise<number> {
  const { count } = await client.read((kv, call) => kv.range({ ...codec.range(''), count_only: true }, call));
  return Number(count);
}

/** The identity comes last: while it says that a copy is under way, what lies beside it counts for nothing. */
async function fill(place: Place, found: Found, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
  const { installation, incarnation, offset } = snapshot.header;
  const identity: StoredIdentity = { installation, incarnation, offset: String(offset) };
  const claim: StoredIdentity = { ...identity, state: 'restoring', attempt: randomUUID() };
  const claimed = await swapIdentity(place, found.value, claim);
  await clear(place, found, claimed);
  let objects = 0;
  for await (const page of snapshot.pages(signal)) {
    for (const batch of batchesOf(page)) await abortable(putAll(place, claimed, batch), signal);
    objects += page.length;
  }
  const there = await abortable(countObjects(place), signal);
  if (there !== objects)
    throw new ApiError('Conflict', `etcd holds ${String(there)} objects where ${String(objects)} were written; run it again`);
  await swapIdentity(place, claimed, identity);
}

/** Deletes what an interrupted copy left; what a server wrote since the look is given back to it. */
async function clear(place: Place, found: Found, claimed: Buffer): Promise<void> {
  const { client, codec, key } = place;
  const compare = identityIs(key, claimed);
  if (found.identity?.state === 'restoring') {
    await change({ client, compare, success: [{ request_delete_range: codec.range('') }] });
  } else if ((await countObjects(place)) > 0) {
    const back = found.value === undefined ? { request_delete_range: { key } } : { request_put: { key, value: found.value } };
    await change({ client, compare, success: [back] });
    throw new ApiError('Conflict', 'a server has begun to write to the store in etcd; stop it first');
  }
}

/** Writes the identity in place of the one that was read, unless somebody was there before. */
async function swapIdentity({ client, key }: Place, before: Buffer | undefined, after: StoredIdentity): Promise<Buffer> {
  const value = Buffer.from(JSON.stringify(after));
  await change({ client, compare: identityIs(key, before), success: [{ request_put: { key, value } }] });
  return value;
}

function identityIs(key: Buffer, value: Buffer | undefined): ICompare {
  if (value === undefined) return { key, target: 'Create', result: 'Equal', create_revision: '0' };
  return { key, target: 'Value', result: 'Equal', value };
}

interface Change {
  readonly client: EtcdClient;
  readonly compare: ICompare;
  readonly success: IRequestOp[];
}

async function change({ client, compare, success }: Change): Promise<void> {
  const { succeeded } = await client.write((kv, call) => kv.txn({ compare: [compare], success }, call));
  if (!succeeded) throw new ApiError('Conflict', 'somebody else has changed the store in etcd, and this command ended');
}

async function putAll({ client, codec, key }: Place, claimed: Buffer, batch: readonly SnapshotObject[]): Promise<void> {
  const success = batch.map((object, at) => ({
    request_put: { key: codec.key(object.key), value: encodeValue(FIRST_PUT_INDEX + at, object.value) },
  }));
  await change({ client, compare: identityIs(key, claimed), success });
}

function batchesOf(page: readonly SnapshotObject[]): readonly (readonly SnapshotObject[])[] {
  const batches: SnapshotObject[][] = [];
  let bytes = Infinity;
  for (const object of page) {
    const size = Buffer.byteLength(object.value) + object.key.length;
    const last = batches.at(-1);
    if (last === undefined || last.length === BATCH_OBJECTS || bytes + size > BATCH_BYTES) {
      batches.push([object]);
      bytes = size;
    } else {
      last.push(object);
      bytes += size;
    }
  }
  return batches;
}
