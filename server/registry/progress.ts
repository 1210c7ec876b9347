import { ApiError } from '../../apis/meta/api-error.ts';
import type { Deadlines } from './deadlines.ts';

/** A version that only grows, and those who wait for it. */
export interface Progress {
  at(): bigint;
  advance(resourceVersion: bigint): void;
  /** Resolves when the version has been reached; ApiError Timeout when that takes too long. */
  reached(resourceVersion: bigint, signal: AbortSignal): Promise<void>;
}

interface Waiter {
  readonly resourceVersion: bigint;
  readonly resolve: () => void;
}

const PATIENCE_MS = 10_000;

function tooLarge(resourceVersion: bigint, at: bigint): ApiError {
  const message = `Too large resource version: ${String(resourceVersion)}, current: ${String(at)}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new ApiError('Timeout', message, { details: { causes, retryAfterSeconds: 1 } });
}

/** Progress that begins below every version. */
export function createProgress(deadlines: Deadlines): Progress {
  const waiters = new Set<Waiter>();
  let at = -1n;
  return {
    at: () => at,
    advance(resourceVersion) {
      at = resourceVersion;
      for (const waiter of waiters) if (waiter.resourceVersion <= at) waiter.resolve();
    },
    async reached(resourceVersion, signal) {
      if (at >= resourceVersion) return;
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      const waiter: Waiter = {
        resourceVersion,
        resolve: () => {
          resolve(undefined);
        },
      };
      function leave(): void {
        reject(signal.reason as Error);
      }
      const forget = deadlines.set(PATIENCE_MS, () => {
        reject(tooLarge(resourceVersion, at));
      });
      waiters.add(waiter);
      signal.addEventListener('abort', leave);
      try {
        await promise;
      } finally {
        forget();
        waiters.delete(waiter);
        signal.removeEventListener('abort', leave);
      }
    },
  };
}
