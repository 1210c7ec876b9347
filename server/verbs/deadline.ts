import { ApiError } from '../../apis/meta/api-error.ts';
import type { Deadlines } from '../registry/deadlines.ts';

/** What `work` gives within `ms` milliseconds, else ApiError Timeout; its signal aborts when it is not waited for any more. */
export async function withDeadline<Answer>(
  deadlines: Deadlines,
  ms: number,
  work: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  function end(error: Error): void {
    reject(error);
    stop.abort(error);
  }
  function leave(): void {
    end(signal.reason as Error);
  }
  const forget = deadlines.set(ms, () => {
    const message = `the request did not finish within ${String(ms / 1000)} seconds`;
    end(new ApiError('Timeout', message, { details: { retryAfterSeconds: 1 } }));
  });
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work(stop.signal), ended]);
  } finally {
    forget();
    signal.removeEventListener('abort', leave);
  }
}
