import { DriverError } from './driver-error.ts';

/** The error of a call whose deadline passed: its outcome is unknown. */
export function deadlineExceeded(call: string): DriverError {
  return new DriverError('DEADLINE_EXCEEDED', 'BACKEND', `${call} did not end before its deadline`);
}

/**
 * What a call rejects with once `signal` has aborted: DEADLINE_EXCEEDED where a timer ended it (a TimeoutError), a DriverError as it is,
 * and otherwise the reason itself, which is the caller's own.
 */
export function abortedError(signal: AbortSignal, call: string): Error {
  const reason: unknown = signal.reason;
  if (reason instanceof DriverError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') return deadlineExceeded(call);
  return reason instanceof Error ? reason : new DriverError('UNKNOWN', 'BACKEND', `${call} was cancelled`, { cause: reason });
}
