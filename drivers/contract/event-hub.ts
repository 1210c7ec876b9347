import type { DriverEvent } from './driver.ts';

/** Hints on their way to everybody who watches one driver process. */
export interface EventHub {
  /** Tells all watchers; never waits for them. */
  publish(event: Pick<DriverEvent, 'type' | 'session' | 'uid'>): void;
  /** Begins with a RESYNC. A watcher that falls more than `capacity` events behind gets a RESYNC in their place. Ends when `signal` aborts. */
  watch(signal: AbortSignal): AsyncIterable<DriverEvent>;
  /** How many watch now. */
  watchers(): number;
}

interface Watcher {
  queue: DriverEvent[];
  wake: () => void;
}

const resync = (sequence: number): DriverEvent => ({ sequence, type: 'RESYNC', session: '', uid: '' });

async function* eventsOf(watcher: Watcher, signal: AbortSignal): AsyncIterable<DriverEvent> {
  while (!signal.aborted) {
    const event = watcher.queue.shift();
    if (event !== undefined) {
      yield event;
      continue;
    }
    await new Promise<void>((resolve) => {
      watcher.wake = resolve;
    });
  }
}

/** A hub whose sequence belongs to this process; each watcher's queue holds at most `capacity` events. */
export function createEventHub(capacity = 1024): EventHub {
  const watchers = new Set<Watcher>();
  let sequence = 0;
  return {
    publish(event) {
      sequence += 1;
      for (const watcher of watchers) {
        if (watcher.queue.length >= capacity) watcher.queue = [resync(sequence)];
        else watcher.queue.push({ ...event, sequence });
        watcher.wake();
      }
    },
    watchers: () => watchers.size,
    async *watch(signal) {
      const watcher: Watcher = { queue: [resync(sequence)], wake: () => undefined };
      const wake = (): void => watcher.wake();
      watchers.add(watcher);
      signal.addEventListener('abort', wake);
      try {
        yield* eventsOf(watcher, signal);
      } finally {
        signal.removeEventListener('abort', wake);
        watchers.delete(watcher);
      }
    },
  };
}
