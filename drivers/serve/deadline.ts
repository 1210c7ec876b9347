import { DriverError } from '../contract/driver-error.ts';
import type { Clock } from '../contract/clock.ts';

/** Runs `work` for at most `ms` milliseconds; then DEADLINE_EXCEEDED says that `what` did not answer, and the work's own signal aborts. */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { clock, ms, what }: { readonly clock: Clock; readonly ms: number; readonly what: string },
  signal: AbortSignal,
): Promise<T> {
  const done = new AbortController();
  const inner = AbortSignal.any([signal, done.signal]);
  const timeout = clock.sleep(ms, inner).then(() => {
    throw new DriverError('DEADLINE_EXCEEDED', 'BACKEND', `${what} did not answer within ${ms} ms`);
  });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([work(inner), timeout]);
  } finally {
    done.abort();
  }
}

/** Asks `condition` every `everyMs` until it holds or `ms` are over; tells which. */
export async function eventually(
  condition: () => boolean,
  { clock, ms, everyMs }: { readonly clock: Clock; readonly ms: number; readonly everyMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const end = clock.monotonic() + ms;
  while (!condition()) {
    if (clock.monotonic() >= end) return false;
    await clock.sleep(everyMs, signal);
  }
  return true;
}
