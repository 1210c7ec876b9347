import { ApiError } from '../../apis/meta/api-error.ts';
import type { StoreWrite, WriteOutcome } from './store.ts';
import { createWriteQueue, type WriteQueue } from './write-queue.ts';

const signal = new AbortController().signal;
const done: WriteOutcome = { ok: true, resourceVersion: 1n };

interface Slow {
  readonly queue: WriteQueue;
  readonly batches: (readonly StoreWrite[])[];
  /** Ends the oldest batch under way. */
  finish(error?: Error): void;
}

function slowQueue(limit = 1000): Slow {
  const batches: (readonly StoreWrite[])[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const commit = (batch: readonly StoreWrite[]): Promise<readonly WriteOutcome[]> => {
    batches.push(batch);
    return new Promise((resolve, reject) => {
      ends.push((error) => {
        if (error === undefined) resolve(batch.map(() => done));
        else reject(error);
      });
    });
  };
  const mayJoin = (batch: readonly StoreWrite[], write: StoreWrite): boolean => !batch.some((other) => other.key === write.key);
  return {
    queue: createWriteQueue({ commit, mayJoin, parallel: 1, limit, batchWrites: 64 }),
    batches,
    finish: (error) => ends.shift()?.(error),
  };
}

function create(key: string, value = ''): StoreWrite {
  return { do: 'create', key, value };
}

/** Long enough for an outcome to be told, and for what waited to be sent. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('writes gather while a batch is under way, at most 64 to the next', async () => {
  const { queue, batches, finish } = slowQueue();
  const pushed = [queue.push(create('first'), signal)];
  await settle();
  for (let at = 0; at < 100; at += 1) pushed.push(queue.push(create(String(at)), signal));
  for (let batch = 0; batch < 3; batch += 1) {
    await settle();
    finish();
  }
  await Promise.all(pushed);
  expect(batches.map((batch) => batch.length)).toEqual([1, 64, 36]);
});

test('a write that may not join waits for a later batch, and those after it need not', async () => {
  const { queue, batches, finish } = slowQueue();
  const pushed = ['a', 'a', 'b'].map((key) => queue.push(create(key), signal));
  await settle();
  finish();
  await settle();
  finish();
  await Promise.all(pushed);
  expect(batches.map((batch) => batch.map((write) => write.key))).toEqual([['a', 'b'], ['a']]);
});

test('a batch has at most a mebibyte of values, or one value', async () => {
  const { queue, batches, finish } = slowQueue();
  const value = 'é'.repeat(300_000);
  const pushed = ['a', 'b', 'c'].map((key) => queue.push(create(key, value), signal));
  for (let batch = 0; batch < 3; batch += 1) {
    await settle();
    finish();
  }
  await Promise.all(pushed);
  expect(batches).toHaveLength(3);
});

test('a full queue refuses with TooManyRequests', async () => {
  const { queue } = slowQueue(2);
  void queue.push(create('a'), signal);
  void queue.push(create('b'), signal);
  await expect(queue.push(create('c'), signal)).rejects.toMatchObject({ reason: 'TooManyRequests' });
});

test('a write that aborts before it is sent is never sent; one that is under way rejects with Timeout', async () => {
  const { queue, batches, finish } = slowQueue();
  const sent = new AbortController();
  const unsent = new AbortController();
  const first = queue.push(create('a'), sent.signal);
  await settle();
  const second = queue.push(create('b'), unsent.signal);
  const gone = new Error('gone');
  unsent.abort(gone);
  sent.abort(gone);
  await expect(first).rejects.toMatchObject({ reason: 'Timeout' });
  await expect(second).rejects.toBe(gone);
  finish();
  await settle();
  expect(batches).toHaveLength(1);
});

test('when a batch fails all its writes reject, and the next batch is sent', async () => {
  const { queue, finish } = slowQueue();
  const failing = [queue.push(create('a'), signal), queue.push(create('b'), signal)];
  await settle();
  const next = queue.push(create('c'), signal);
  const error = new ApiError('Timeout', 'no answer');
  finish(error);
  expect(await Promise.allSettled(failing)).toEqual([0, 1].map(() => ({ status: 'rejected', reason: error })));
  await settle();
  finish();
  expect(await next).toEqual(done);
});

test('draining refuses new writes and waits for the old ones', async () => {
  const { queue, finish } = slowQueue();
  const old = queue.push(create('a'), signal);
  const closed = new ApiError('ServiceUnavailable', 'closed');
  let drained = false;
  const drain = queue.drain(closed).then(() => (drained = true));
  await expect(queue.push(create('b'), signal)).rejects.toBe(closed);
  await settle();
  expect(drained).toBe(false);
  finish();
  await Promise.all([old, drain]);
});
