/** Whether a signal has aborted, asked anew: after an `await` it may have, whatever was known before. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
