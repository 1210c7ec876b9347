import { createBudget } from './budget.ts';
import type { Priority } from './queue.ts';

/** Who comes to a gate. */
export interface Entering {
  readonly priority: Priority;
  readonly limit: number;
  readonly waits: () => void;
}

/** Lets so many through at once, by name; the others wait in line, by priority and then by when they came. */
export interface Gate {
  /** Resolves with how to leave again; `waits` is called first where there is no place free. Rejects with the signal's reason. */
  enter(place: string, entering: Entering, signal: AbortSignal): Promise<() => void>;
  /** How many are inside. */
  insideOf(place: string): number;
}

/** Nobody is inside. */
export function createGate(): Gate {
  const waiting = new Map<string, () => void>();
  const budget = createBudget((key) => waiting.get(key)?.());
  let last = 0;
  return {
    async enter(place, { priority, limit, waits }, signal) {
      const key = String((last += 1));
      const claim = { key, priority, limit };
      if (!budget.take(place, claim)) {
        waits();
        await turnOf(key, waiting, signal).catch((error: unknown) => {
          budget.leave(key);
          throw error;
        });
        budget.take(place, claim);
      }
      return () => {
        budget.give(place);
      };
    },
    insideOf: (place) => budget.takenOf(place),
  };
}

/** Resolves when it is the key's turn. */
function turnOf(key: string, waiting: Map<string, () => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const abort = (): void => {
    reject(signal.reason);
  };
  waiting.set(key, () => {
    resolve(undefined);
  });
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return promise.finally(() => {
    waiting.delete(key);
    signal.removeEventListener('abort', abort);
  });
}
