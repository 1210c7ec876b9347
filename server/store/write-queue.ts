import { ApiError } from '../../apis/meta/api-error.ts';
import { checkWrite } from './key-range.ts';
import { WRITES_PER_REVISION, type StoreWrite, type WriteOutcome } from './store.ts';

/** Gathers concurrent writes into batches that are made durable together. */
export interface WriteQueue {
  /** The write's outcome; rejects with TooManyRequests when the queue is full, Timeout when it was given up after it was sent. */
  push(write: StoreWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /** Refuses new writes with `error` and resolves when all earlier ones are settled. */
  drain(error: ApiError): Promise<void>;
}

/** Does something when it is its turn: a simulation owns turns as it owns time. */
export type Soon = (then: () => void) => void;

export interface WriteQueueOptions {
  /** Makes the batch durable and gives one outcome for each write; a rejection is that of every write in it. */
  readonly commit: (batch: readonly StoreWrite[]) => Promise<readonly WriteOutcome[]>;
  /** False when `write` may not be in one batch with those of `batch`; it then waits for a later one. */
  readonly mayJoin: (batch: readonly StoreWrite[], write: StoreWrite) => boolean;
  /** Batches under way at a time. */
  readonly parallel: number;
  /** Writes waiting to be sent. */
  readonly limit: number;
  /** Writes of one batch, at most 64. */
  readonly batchWrites: number;
  /** Calls back when all requests that have come in by now have been read, so that they share the batch; setImmediate where it is not given. */
  readonly soon?: Soon;
}

const BATCH_BYTES = 1024 * 1024;

interface Pending {
  readonly write: StoreWrite;
  readonly bytes: number;
  readonly settle: (result: { readonly outcome: WriteOutcome } | { readonly error: Error }) => void;
  sent: boolean;
}

/** A queue over `commit` that sends what gathered while the batch before was under way. */
export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const limit = Math.min(options.batchWrites, Number(WRITES_PER_REVISION));
  const soon = options.soon ?? setImmediate;
  const waiting = new Set<Pending>();
  const idle: (() => void)[] = [];
  let running = 0;
  let scheduled = false;
  let refusal: ApiError | undefined;

  function schedule(): void {
    if (scheduled || running >= options.parallel || waiting.size === 0) return;
    scheduled = true;
    soon(() => {
      scheduled = false;
      void send(gather(waiting, limit, options.mayJoin));
      schedule();
    });
  }

  async function send(batch: readonly Pending[]): Promise<void> {
    if (batch.length === 0) return;
    running += 1;
    try {
      const outcomes = await options.commit(batch.map((pending) => pending.write));
      batch.forEach((pending, at) => {
        const outcome = outcomes[at];
        pending.settle(outcome === undefined ? { error: new ApiError('InternalError', 'the store gave no outcome') } : { outcome });
      });
    } catch (error) {
      for (const pending of batch)
        pending.settle({ error: error instanceof Error ? error : new ApiError('InternalError', 'the store failed', { cause: error }) });
    }
    running -= 1;
    schedule();
    if (running === 0 && waiting.size === 0) for (const resolve of idle.splice(0)) resolve();
  }

  return {
    push: (write, signal) => {
      if (refusal !== undefined) return Promise.reject(refusal);
      if (waiting.size >= options.limit) {
        return Promise.reject(new ApiError('TooManyRequests', 'too many writes wait for the store', { details: { retryAfterSeconds: 1 } }));
      }
      const pushed = enqueue(write, signal, waiting);
      schedule();
      return pushed;
    },
    drain: async (error) => {
      refusal ??= error;
      if (running > 0 || waiting.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

function enqueue(write: StoreWrite, signal: AbortSignal, waiting: Set<Pending>): Promise<WriteOutcome> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    checkWrite(write);
    const pending: Pending = {
      write,
      bytes: 'value' in write ? Buffer.byteLength(write.value) : 0,
      sent: false,
      settle: (result) => {
        signal.removeEventListener('abort', giveUp);
        if ('outcome' in result) resolve(result.outcome);
        else reject(result.error);
      },
    };
    const giveUp = (): void => {
      waiting.delete(pending);
      reject(
        pending.sent
          ? new ApiError('Timeout', 'given up while the write was under way; read before trying again')
          : (signal.reason as Error),
      );
    };
    signal.addEventListener('abort', giveUp, { once: true });
    waiting.add(pending);
  });
}

function gather(waiting: Set<Pending>, limit: number, mayJoin: WriteQueueOptions['mayJoin']): readonly Pending[] {
  const batch: Pending[] = [];
  const writes: StoreWrite[] = [];
  let bytes = 0;
  for (const pending of waiting) {
    if (batch.length >= limit) break;
    if (batch.length > 0 && (bytes + pending.bytes > BATCH_BYTES || !mayJoin(writes, pending.write))) continue;
    waiting.delete(pending);
    pending.sent = true;
    bytes += pending.bytes;
    batch.push(pending);
    writes.push(pending.write);
  }
  return batch;
}
