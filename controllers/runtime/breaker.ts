import type { Clock } from '../../apis/meta/clock.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import { backoffMs } from './backoff.ts';

/** How a call to a device ended: it answered, it did not, or nobody can say. */
export type CallEnd = { readonly how: 'answered' } | { readonly how: 'silent'; readonly error: DriverError } | { readonly how: 'unknown' };

/** What of a device can be seen from the calls to it. */
export interface BreakerView {
  /** closed: calls go through. open: they fail at once. probing: one of them finds out whether the device answers again. */
  readonly state: 'closed' | 'open' | 'probing';
  /** Calls without an answer, in a row. */
  readonly failures: number;
  /** Until the next probe may begin. */
  readonly nextTryMs: number;
}

/** Keeps calls from a device that does not answer, but for one probe at a time. */
export interface Breaker {
  /** Whether `begin` would let a call through now. */
  mayBegin(): boolean;
  /** Whether a call may begin now; a probe must come to an `end`. Undefined: not now, and `error` says why. */
  begin(): 'call' | 'probe' | undefined;
  end(as: 'call' | 'probe', how: CallEnd): void;
  /** There is news of the device: the next call may be a probe. */
  hurry(): void;
  /** The error of the first call without an answer, or without one for this reason: what is said of a silence stays the same while it lasts. */
  error(): DriverError | undefined;
  view(): BreakerView;
}

/** Whether two errors are one to whoever has to go on. */
export function isAlike(one: unknown, other: unknown): boolean {
  return one instanceof DriverError && other instanceof DriverError && one.code === other.code && one.reason === other.reason;
}

/** Failures in a row that open it. */
const THRESHOLD = 3;

/** A breaker that is closed. `answers` is called when the device answers again. */
export function createBreaker({ clock, random }: { readonly clock: Clock; readonly random: () => number }, answers: () => void): Breaker {
  let failures = 0;
  let openings = 0;
  let open = false;
  let probing = false;
  let nextTryMs = 0;
  let first: DriverError | undefined;

  function wait(): void {
    open = true;
    openings += 1;
    nextTryMs = clock.monotonic() + backoffMs(openings, random);
  }

  const mayBegin = (): boolean => !open || (!probing && clock.monotonic() >= nextTryMs);

  return {
    mayBegin,
    begin() {
      if (!mayBegin()) return undefined;
      probing = open;
      return open ? 'probe' : 'call';
    },
    end(as, end) {
      if (as === 'probe') probing = false;
      if (end.how === 'answered') {
        const was = open;
        failures = 0;
        openings = 0;
        open = false;
        if (was) answers();
      } else if (end.how === 'silent') {
        failures += 1;
        if (failures === 1 || !isAlike(first, end.error)) first = end.error;
        // Calls that began before it opened say nothing new.
        if (open ? as === 'probe' : failures >= THRESHOLD) wait();
      }
    },
    hurry() {
      nextTryMs = Math.min(nextTryMs, clock.monotonic());
    },
    error: () => first,
    view: () => ({
      state: !open ? 'closed' : probing ? 'probing' : 'open',
      failures,
      nextTryMs: open ? Math.max(0, nextTryMs - clock.monotonic()) : 0,
    }),
  };
}
