import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';

/** What `work` gives within `ms` milliseconds, else ApiError Timeout; its signal aborts when it is not waited for any more. */
export async function withDeadline<Answer>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  const done = new AbortController();
  const stopped = AbortSignal.any([signal, done.signal]);
  const late = clock.sleep(ms, stopped).then((): never => {
    throw new ApiError('Timeout', `the request did not finish within ${String(ms / 1000)} seconds`, { details: { retryAfterSeconds: 1 } });
  });
  try {
    return await Promise.race([work(stopped), late]);
  } finally {
    late.catch(() => undefined);
    done.abort();
  }
}
