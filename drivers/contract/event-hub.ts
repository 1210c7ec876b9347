import { MOST_SILENT } from './driver.ts';
import type { DriverEvent } from './driver.ts';

/** Hints on their way to everybody who watches one driver process. */
export interface EventHub {
  /** Tells all watchers; never waits for them. */
  publish(event: Pick<DriverEvent, 'type' | 'session' | 'uid'>): void;
  /** Tells all watchers which host sessions are silent now, where that is known. */
  beat(): void;
  /**
   * Begins with a RESYNC, and a BEAT where it is known who is silent. A watcher that falls more than `capacity` events behind gets a RESYNC in their
   * place. Ends when `signal` aborts.
   */
  watch(signal: AbortSignal): AsyncIterable<DriverEvent>;
  /** How many watch now. */
  watchers(): number;
}

export interface EventHubOptions {
  /** How many events wait for one watcher at most. */
  readonly capacity?: number;
  /** The host sessions that are silent now; absent for a driver that does not know. */
  readonly silent?: () => readonly string[];
}

interface Watcher {
  queue: DriverEvent[];
  wake: () => void;
}

const resync = (sequence: number): DriverEvent => ({ sequence, type: 'RESYNC', session: '', uid: '' });

/** One beat, in as many parts as it needs. */
function beatOf(sequence: number, silent: readonly string[]): readonly DriverEvent[] {
  const parts = Math.max(1, Math.ceil(silent.length / MOST_SILENT));
  return Array.from({ length: parts }, (_, part): DriverEvent => {
    const listed = silent.slice(part * MOST_SILENT, (part + 1) * MOST_SILENT);
    return { sequence, type: 'BEAT', session: '', uid: '', silent: listed, ...(part + 1 < parts && { more: true }) };
  });
}

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
export function createEventHub({ capacity = 1024, silent }: EventHubOptions = {}): EventHub {
  const watchers = new Set<Watcher>();
  let sequence = 0;
  /** Whole, or not at all: a part of a beat would say of others that they answered. */
  const tell = (events: readonly DriverEvent[]): void => {
    for (const watcher of watchers) {
      if (watcher.queue.length >= capacity) watcher.queue = [resync(sequence)];
      else watcher.queue.push(...events);
      watcher.wake();
    }
  };
  const beatNow = (): readonly DriverEvent[] => (silent === undefined ? [] : beatOf(sequence, silent()));
  return {
    publish(event) {
      sequence += 1;
      tell([{ ...event, sequence }]);
    },
    beat() {
      if (watchers.size > 0) tell(beatNow());
    },
    watchers: () => watchers.size,
    async *watch(signal) {
      const watcher: Watcher = { queue: [resync(sequence), ...beatNow()], wake: () => undefined };
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
