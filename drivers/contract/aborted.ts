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
  // By shape: a DOMException, or another realm's error, is no instance of this realm's Error.
  if (!isError(reason)) return new DriverError('UNKNOWN', 'BACKEND', `${call} was cancelled`, { cause: reason });
  return reason.name === 'TimeoutError' ? deadlineExceeded(call) : reason;
}

function isError(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'name' in value && 'message' in value;
}
