import type { IEvent, IKeyValue } from 'etcd3';
import { ApiError } from '../../apis/meta/api-error.ts';
import { prefixEnd } from './key-range.ts';
import { resourceVersionOf, type StoredObject, type StoreEvent } from './store.ts';

/** How objects lie in etcd: under `prefix` + "objects:", a value being a format byte, the byte of its index in its batch, a newline, and the JSON. */
export interface EtcdCodec {
  readonly offset: bigint;
  key(key: string): Buffer;
  /** The range of all keys with this prefix. */
  range(prefix: string): { readonly key: Buffer; readonly range_end: Buffer };
  object(pair: IKeyValue): StoredObject;
  /** The key alone, of a pair that may lack its value. */
  name(pair: IKeyValue): string;
  event(event: IEvent): StoreEvent;
  version(revision: bigint, index: number): bigint;
}

/** What the keys of a store begin with, unless it was told otherwise. */
export const DEFAULT_PREFIX = '/lenticular/';

const FORMAT = 1;
const NEWLINE = 10;
const HEADER_BYTES = 3;

/**
 * The index of a removal, of which a batch has at most one: its event carries no value that could tell an index, and every watch,
 * whatever its prefix, must give it the same version.
 */
export const REMOVAL_INDEX = 0;
/** The index of the first put of a batch. */
export const FIRST_PUT_INDEX = 1;

/** The value as it lies in etcd. */
export function encodeValue(index: number, value: string): Buffer {
  return Buffer.concat([headerOf(index), Buffer.from([NEWLINE]), Buffer.from(value)]);
}

/** Sorts before every value with this index, even an empty one, and after every value with a lower index. */
export function headerOf(index: number): Buffer {
  return Buffer.from([FORMAT, index]);
}

/** The encoding of a store whose keys all start with `prefix`. */
export function createEtcdCodec(prefix: string, offset: bigint): EtcdCodec {
  const root = `${prefix}objects:`;
  const rootBytes = Buffer.from(root);

  function keyOf(pair: IKeyValue): string {
    return pair.key.subarray(rootBytes.length).toString();
  }
  function objectOf(pair: IKeyValue): StoredObject {
    const index = pair.value[1];
    if (pair.value[0] !== FORMAT || index === undefined || index > 63) {
      throw new ApiError('InternalError', `etcd holds what this program did not write, under the key ${pair.key.toString()}; remove it`);
    }
    const resourceVersion = resourceVersionOf(BigInt(pair.mod_revision), BigInt(index), offset);
    return { key: keyOf(pair), value: pair.value.toString('utf8', HEADER_BYTES), resourceVersion };
  }
  return {
    offset,
    key: (key) => Buffer.from(root + key),
    // The root ends in a colon, so every prefix has an end.
    range: (keys) => ({ key: Buffer.from(root + keys), range_end: Buffer.from(prefixEnd(root + keys) ?? '\0') }),
    object: objectOf,
    name: keyOf,
    event: ({ type, kv }) => {
      if (type === 'Put') return { type: 'put', object: objectOf(kv) };
      return { type: 'remove', key: keyOf(kv), resourceVersion: resourceVersionOf(BigInt(kv.mod_revision), BigInt(REMOVAL_INDEX), offset) };
    },
    version: (revision, index) => resourceVersionOf(revision, BigInt(index), offset),
  };
}
