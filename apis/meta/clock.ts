/** Time and timers as an argument, so that a simulation can own them. */
export interface Clock {
  /** Milliseconds since the Unix epoch, for timestamps that people read. */
  now(): number;
  /** Milliseconds that only grow, for deadlines and leases; the zero is arbitrary. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
