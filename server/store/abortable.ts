/** What `asked` gives, or the signal's reason as soon as it aborts; `asked` then goes on unheard. */
export function abortable<T>(asked: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void asked.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}
