import type { QueueSettings } from './queue.ts';

/** How people want queues to work, now; what they do not say is as it is by default. */
export interface Settings {
  /** The settings of the queue of a kind in a shard. */
  of(kind: string, shard: string): QueueSettings;
  /** Calls `listener` whenever an answer of `of` may have changed; returns how to stop. */
  onChange(listener: () => void): () => void;
}
