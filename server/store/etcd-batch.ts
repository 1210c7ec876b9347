import type { ICompare, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import { ApiError } from '../../apis/meta/api-error.ts';
import { otherInstallation } from './etcd-identity.ts';
import { encodeValue, FIRST_PUT_INDEX, headerOf, REMOVAL_INDEX, type EtcdCodec } from './etcd-codec.ts';
import { revisionOf, WRITES_PER_REVISION, type StoreWrite, type WriteOutcome } from './store.ts';

/** No key has this mod_revision. */
const NEVER = '9223372036854775807';
const MAX_PUTS = Number(WRITES_PER_REVISION) - FIRST_PUT_INDEX;

/** False when `write` needs another transaction: etcd takes a key once in each, and a removal is always the one of its index. */
export function mayShareTransaction(batch: readonly StoreWrite[], write: StoreWrite): boolean {
  if (batch.some((other) => other.key === write.key)) return false;
  if (write.do === 'remove') return !batch.some((other) => other.do === 'remove');
  return !isPut(write) || batch.filter(isPut).length < MAX_PUTS;
}

function isPut(write: StoreWrite): boolean {
  return write.do === 'create' || write.do === 'replace';
}

/**
 * One transaction that holds one for each write, so that each succeeds or fails alone and all share a revision.
 * Nothing is written unless `guard` holds.
 */
export function transactionOf(batch: readonly StoreWrite[], codec: EtcdCodec, guard: ICompare): ITxnRequest {
  const indexes = indexesOf(batch);
  return { compare: [guard], success: batch.map((write, at) => ({ request_txn: nestedOf(write, indexes[at] ?? REMOVAL_INDEX, codec) })) };
}

/** What the transaction says of each write. */
export function outcomesOf(batch: readonly StoreWrite[], response: ITxnResponse, codec: EtcdCodec): readonly WriteOutcome[] {
  if (!response.succeeded) throw otherInstallation();
  const indexes = indexesOf(batch);
  const revision = BigInt(response.header.revision);
  return batch.map((write, at) => {
    const nested = response.responses[at]?.response_txn;
    if (nested === undefined) throw new ApiError('Timeout', 'etcd did not say what became of the write; read before trying again');
    if (!nested.succeeded) {
      const [pair] = nested.responses[0]?.response_range.kvs ?? [];
      return { ok: false, current: pair === undefined ? undefined : codec.object(pair) };
    }
    if (write.do === 'compare') return { ok: true, resourceVersion: write.resourceVersion };
    return { ok: true, resourceVersion: codec.version(revision, indexes[at] ?? REMOVAL_INDEX) };
  });
}

/** Indexes are given before it is known which writes succeed, so there may be gaps. */
function indexesOf(batch: readonly StoreWrite[]): readonly number[] {
  let next = FIRST_PUT_INDEX;
  return batch.map((write) => (isPut(write) ? next++ : REMOVAL_INDEX));
}

function nestedOf(write: StoreWrite, index: number, codec: EtcdCodec): ITxnRequest {
  const key = codec.key(write.key);
  const compare: ICompare[] =
    write.do === 'create'
      ? [{ key, target: 'Create', result: 'Equal', create_revision: '0' }]
      : versionIs(key, revisionOf(write.resourceVersion, codec.offset));
  return { compare, success: effectOf(write, key, index), failure: [{ request_range: { key } }] };
}

function effectOf(write: StoreWrite, key: Buffer, index: number): IRequestOp[] {
  if (write.do === 'compare') return [];
  if (write.do === 'remove') return [{ request_delete_range: { key } }];
  return [{ request_put: { key, value: encodeValue(index, write.value) } }];
}

function versionIs(key: Buffer, { revision, index }: { readonly revision: bigint; readonly index: bigint }): ICompare[] {
  const known = revision > 0n && index >= 0n && revision < BigInt(NEVER);
  return [
    { key, target: 'Mod', result: 'Equal', mod_revision: known ? revision.toString() : NEVER },
    // The index is the second byte of the value: it is right when the value lies between the start of its header and that of the next.
    { key, target: 'Value', result: 'Greater', value: headerOf(Number(index) & 63) },
    { key, target: 'Value', result: 'Less', value: headerOf((Number(index) & 63) + 1) },
  ];
}
