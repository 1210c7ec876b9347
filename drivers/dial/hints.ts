import type { DeviceHint } from '../contract/sessions.ts';

/** Hints for one reader: each is told once however often it came, and past a bound there is one for everything. */
export interface HintQueue {
  push(hint: DeviceHint): void;
  /** Starts with one for everything; ends when `signal` aborts. */
  read(signal: AbortSignal): AsyncIterable<DeviceHint>;
}

const MAX_HINTS = 4096;
const EVERYTHING: DeviceHint = { endpointUid: '', uid: '' };

/** An empty queue. */
export function createHintQueue(): HintQueue {
  const pending = new Map<string, DeviceHint>([['/', EVERYTHING]]);
  let wake = (): void => undefined;
  return {
    push(hint) {
      if (pending.size >= MAX_HINTS) {
        pending.clear();
        pending.set('/', EVERYTHING);
      } else pending.set(`${hint.endpointUid}/${hint.uid}`, hint);
      wake();
    },
    async *read(signal) {
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort);
      try {
        while (!signal.aborted) {
          const [first] = pending;
          if (first === undefined) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
            continue;
          }
          pending.delete(first[0]);
          yield first[1];
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
