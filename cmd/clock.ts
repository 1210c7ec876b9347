/** Resolves after `ms`; rejects with the signal's reason. Most sleeps are ended early, and an error of its own for each costs as much as the timer. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** The machine's own time and timers, as `Clock` of apis/meta and of drivers/contract; a driver's process loads neither for it. */
export function systemClock() {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep,
  };
}
