import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import { linkedTo } from '../apis/meta/linked.ts';

/** Made once: where it comes from tells nobody anything. */
const DONE = new Error('done');

/** What `work` gives within `ms`; its signal aborts when it is late. */
export async function within<T>(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const ending = linkedTo(signal);
  const timer = clock.sleep(ms, ending.signal).then(
    () => {
      ending.abort(new ApiError('Timeout', 'the API did not answer in time'));
    },
    () => undefined,
  );
  try {
    return await work(ending.signal);
  } finally {
    ending.abort(DONE);
    await timer;
  }
}
