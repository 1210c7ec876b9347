import type { IEvent, IWatchResponse } from 'etcd3';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { isOutOfRange, isPassing, type EtcdClient, type WatchStream } from './etcd-client.ts';
import type { EtcdCodec } from './etcd-codec.ts';
import { revisionOf, WRITES_PER_REVISION, type StoreEvent } from './store.ts';
import { versionOf } from './watch-hub.ts';

export interface EtcdWatchOptions {
  readonly client: EtcdClient;
  readonly codec: EtcdCodec;
  readonly clock: Clock;
  /** Rejects with ServiceUnavailable while etcd holds something else than what was opened. */
  readonly verify: () => Promise<unknown>;
  readonly prefix: string;
  readonly after: bigint;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
const CREATE_MS = 5000;

/** Where one watch is; nothing of it is shared with other watches. */
interface Position {
  /** The version last delivered, or the one that the watch started after. */
  last: bigint;
  /** Events of the newest revision, which etcd has not sent whole yet. */
  partial: StoreEvent[];
}

/**
 * What Store.watch promises, over a stream of its own: after a break it goes on at the revision after the last one delivered.
 * A slow reader holds the stream back, so that etcd keeps the backlog and not this process.
 */
export async function* watchEtcd(options: EtcdWatchOptions, signal: AbortSignal): AsyncGenerator<readonly StoreEvent[], void, undefined> {
  const position: Position = { last: options.after, partial: [] };
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await probe(options, position.last);
      for await (const revisions of readStream(options, position, signal)) {
        pauseMs = FIRST_PAUSE_MS;
        for (const events of revisions) {
          if (stopped(signal)) return;
          yield events;
        }
      }
    } catch (error) {
      if (stopped(signal)) return;
      if (error instanceof ApiError ? error.reason !== 'ServiceUnavailable' : !isPassing(error)) throw error;
    }
    await options.clock.sleep(pauseMs, signal).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** A function, because an abort between two awaits is invisible to the compiler. */
function stopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** The revision at which a watch after `version` opens: the same one again while it may hold more. */
function startOf(version: bigint, codec: EtcdCodec): bigint {
  const { revision, index } = revisionOf(version, codec.offset);
  const start = index === WRITES_PER_REVISION - 1n ? revision + 1n : revision;
  // The first write to an etcd is its revision 2.
  return start < 2n ? 2n : start;
}

/**
 * Rejects with Expired unless all changes after `version` are there. Asked before each opening, because etcd 3.4 leaves out removals
 * when it opens at the compacted revision, and tells old events to a watch from the future.
 */
async function probe({ client, codec, verify }: EtcdWatchOptions, version: bigint): Promise<void> {
  await verify();
  const expired = (cause?: unknown): ApiError =>
    new ApiError('Expired', `resourceVersion ${String(version)} is forgotten, or newer than this store; list again`, { cause });
  const before = startOf(version, codec) - 1n;
  if (version < codec.offset || before >= 2n ** 63n) throw expired();
  try {
    const { header } = await client.read((kv, call) => kv.range({ key: codec.key(''), revision: before.toString() }, call));
    if (version > endOf(BigInt(header.revision), codec)) throw expired();
  } catch (error) {
    throw isOutOfRange(error) ? expired(error) : error;
  }
}

/** Whole revisions as they come, until the stream breaks. */
async function* readStream(
  options: EtcdWatchOptions,
  position: Position,
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly StoreEvent[])[]> {
  const stream = await options.client.openWatch();
  const created = new AbortController();
  // The loop below hears of errors while it runs; this is for those that come after it.
  stream.on('error', () => undefined);
  const cancel = (): void => {
    stream.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) return;
    position.partial = [];
    request(stream, options, position.last);
    // The stream has no deadline of its own; its opening has.
    options.clock.sleep(CREATE_MS, created.signal).then(cancel, () => undefined);
    for await (const message of stream) {
      const response = message as IWatchResponse;
      // An abort makes an error with a stack each time, heard or not.
      if (!created.signal.aborted) created.abort();
      refuseBroken(response, position, options.codec);
      const revisions = advance(response, position, options.codec);
      if (revisions.length > 0) yield revisions;
      else if (response.created) yield [];
    }
  } finally {
    created.abort();
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

function request(stream: WatchStream, { codec, prefix }: EtcdWatchOptions, after: bigint): void {
  stream.write({ create_request: { ...codec.range(prefix), start_revision: startOf(after, codec).toString(), fragment: true } });
}

function refuseBroken(response: IWatchResponse, position: Position, codec: EtcdCodec): void {
  if (response.canceled) {
    if (response.compact_revision !== '0') throw new ApiError('Expired', 'the changes that this watch needs are forgotten; list again');
    // Whatever the reason, the watch is gone from this stream: the loop opens another one.
    throw new ApiError('ServiceUnavailable', 'etcd ended the watch');
  }
  // An etcd that went back in time, by a restore or a defect, has told what no longer is.
  if (endOf(BigInt(response.header.revision), codec) < position.last) {
    // A member that lags says so when the watch is created; asking again then tells which it is.
    if (response.created) throw new ApiError('ServiceUnavailable', 'the etcd member is behind');
    throw new ApiError('Expired', 'etcd has gone back in time; list again');
  }
}

/** The revisions that the response completes, without anything that was delivered before. */
function advance(response: IWatchResponse, position: Position, codec: EtcdCodec): readonly (readonly StoreEvent[])[] {
  const events = [...position.partial, ...response.events.map((event: IEvent) => codec.event(event))];
  const revisions = new Map<bigint, StoreEvent[]>();
  for (const event of events) {
    const { revision } = revisionOf(versionOf(event), codec.offset);
    const group = revisions.get(revision);
    if (group === undefined) revisions.set(revision, [event]);
    else group.push(event);
  }
  const groups = [...revisions.values()];
  // A response that is a fragment may end in the middle of a revision.
  position.partial = response.fragment ? (groups.pop() ?? []) : [];
  return groups.flatMap((group) => {
    const fresh = group.filter((event) => versionOf(event) > position.last).toSorted((a, b) => (versionOf(a) < versionOf(b) ? -1 : 1));
    const newest = fresh.at(-1);
    if (newest === undefined) return [];
    // The revision is whole now, so nothing of it can come later.
    position.last = endOf(revisionOf(versionOf(newest), codec.offset).revision, codec);
    return [fresh];
  });
}

/** The last version that `revision` can hold. */
function endOf(revision: bigint, codec: EtcdCodec): bigint {
  return codec.version(revision, Number(WRITES_PER_REVISION) - 1);
}
