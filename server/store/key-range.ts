import { ApiError } from '../../apis/meta/api-error.ts';
import type { StoreWrite } from './store.ts';

/** Bytes of UTF-8 that one key may have. */
export const MAX_KEY_BYTES = 1024;
/** Bytes of UTF-8 that one value may have: with its key, below the 1.5 MiB that an etcd with default settings takes in one request. */
export const MAX_VALUE_BYTES = 1_400_000;

/** The first string after every string that starts with `prefix`, in UTF-8 byte order; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (char) => char.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) {
      const next = last + 1 === 0xd800 ? 0xe000 : last + 1;
      return String.fromCodePoint(...points, next);
    }
  }
  return undefined;
}

/** Throws ApiError BadRequest or RequestEntityTooLarge for a write that no store takes, so that both refuse the same ones. */
export function checkWrite(write: StoreWrite): void {
  if (write.key === '' || write.key.includes('\0') || !write.key.isWellFormed()) {
    throw new ApiError('BadRequest', 'a key must be well-formed text without NUL, and not empty');
  }
  if (Buffer.byteLength(write.key) > MAX_KEY_BYTES) {
    throw new ApiError('RequestEntityTooLarge', `a key may have ${String(MAX_KEY_BYTES)} bytes, this one has more`);
  }
  if (!('value' in write)) return;
  if (Buffer.byteLength(write.value) > MAX_VALUE_BYTES) {
    throw new ApiError('RequestEntityTooLarge', `an object may have ${String(MAX_VALUE_BYTES)} bytes, this one has more`);
  }
  if (!write.value.isWellFormed()) throw new ApiError('BadRequest', 'the object has half a surrogate pair, which is not text');
}
