import * as z from 'zod';
import { ApiError } from '../../apis/meta/api-error.ts';

const identitySchema = z.object({
  installation: z.uuid(),
  incarnation: z.int().min(1),
  offset: z.string().regex(/^\d{1,19}$/),
  /** Absent where servers may serve: "restoring" while objects are copied in, "moved" when their copy lives elsewhere. */
  state: z.enum(['restoring', 'moved']).optional(),
  /** Tells two copies into one place apart. */
  attempt: z.uuid().optional(),
});

/** What lies under meta:identity. Servers compare its bytes with every write, so changing it fences them. */
export type StoredIdentity = z.infer<typeof identitySchema>;

/** The key of the identity of the store with this prefix. */
export function identityKey(prefix: string): Buffer {
  return Buffer.from(`${prefix}meta:identity`);
}

/** Throws ApiError InternalError for what this program did not write. */
export function parseIdentity(value: Buffer): StoredIdentity {
  try {
    return identitySchema.parse(JSON.parse(value.toString()));
  } catch (cause) {
    throw new ApiError('InternalError', 'etcd holds an identity that this program did not write; use another prefix, or restore a backup', {
      cause,
    });
  }
}

/** Of a server whose endpoints lead to what it did not open. */
export function otherInstallation(): ApiError {
  return new ApiError('ServiceUnavailable', 'etcd now holds another installation or a restored one; start this program again');
}

/** Throws ApiError ServiceUnavailable for a store that no server may serve. */
export function refuseUnusable({ state }: StoredIdentity): void {
  if (state === 'restoring') {
    throw new ApiError(
      'ServiceUnavailable',
      'the store in etcd is half copied: "cloudd store restore" or "migrate" is under way, or was interrupted and must be run again',
    );
  }
  if (state === 'moved') throw new ApiError('ServiceUnavailable', 'the store in etcd was moved by "cloudd store migrate"; use the copy');
}
