import fc from 'fast-check';
import { createManualClock } from '../../test/manual-clock.ts';
import { createQueue, PRIORITY, type Priority, type Queue, type Verdict } from './queue.ts';

const settled: Verdict = { next: 'drop' };
const stop = new AbortController();
afterAll(() => {
  stop.abort();
});

/** Work that goes on until it is told how it ended. */
function manualWork() {
  const running = new Map<string, (verdict: Verdict) => void>();
  const order: string[] = [];
  const overlaps: string[] = [];
  return {
    running,
    order,
    overlaps,
    detached: new Map<string, () => void>(),
    work(key: string, _priority: Priority, detach: () => void): Promise<Verdict> {
      if (running.has(key)) overlaps.push(key);
      order.push(key);
      this.detached.set(key, detach);
      return new Promise((resolve) => {
        running.set(key, (verdict) => {
          running.delete(key);
          resolve(verdict);
        });
      });
    },
  };
}

function started(workers: number) {
  const clock = createManualClock();
  const queue = createQueue(clock, { workers });
  const hands = manualWork();
  const ending = new AbortController();
  const ended = queue.run((...what) => hands.work(...what), AbortSignal.any([stop.signal, ending.signal]));
  return { clock, queue, hands, end: () => ending.abort(), ended };
}

describe('the keyed queue', () => {
  test('a key that is added many times is worked on once', async () => {
    const { clock, queue, hands } = started(1);
    for (let times = 0; times < 5; times += 1) queue.add('/a', PRIORITY.change);
    await clock.advance(0);
    hands.running.get('/a')?.(settled);
    await clock.advance(0);
    expect(hands.order).toEqual(['/a']);
    expect(queue.view()).toMatchObject({ depth: 0, inFlight: [], done: 1 });
  });

  test('a key that changes while it is worked on is worked on once more, afterwards', async () => {
    const { clock, queue, hands } = started(4);
    queue.add('/a', PRIORITY.change);
    await clock.advance(0);
    queue.add('/a', PRIORITY.change);
    queue.add('/a', PRIORITY.resync);
    await clock.advance(0);
    expect(hands.order).toEqual(['/a']);
    hands.running.get('/a')?.(settled);
    await clock.advance(0);
    hands.running.get('/a')?.(settled);
    await clock.advance(0);
    expect(hands.order).toEqual(['/a', '/a']);
    expect(hands.overlaps).toEqual([]);
  });

  test('deletions go before changes, changes before retries, and those before the resync', async () => {
    const clock = createManualClock();
    const queue = createQueue(clock, { workers: 1 });
    const order: string[] = [];
    for (const [name, priority] of Object.entries(PRIORITY).reverse()) queue.add(name, priority);
    queue.add('raised', PRIORITY.resync);
    queue.add('raised', PRIORITY.deletion);
    void queue.run((key) => (order.push(key), Promise.resolve(settled)), stop.signal);
    await clock.advance(0);
    expect(order).toEqual(['deletion', 'raised', 'change', 'retry', 'resync']);
  });

  test('what must be looked at in time goes with the changes when it is due, and not after all of them', async () => {
    const { clock, queue, hands } = started(1);
    for (const key of ['punctual', 'idle']) {
      queue.add(key, PRIORITY.change);
      await clock.advance(0);
      hands.running.get(key)?.({
        next: 'park',
        ms: 1000,
        why: 'settled',
        failed: false,
        ...(key === 'punctual' && { due: PRIORITY.change }),
      });
      await clock.advance(0);
    }
    queue.add('busy', PRIORITY.change);
    await clock.advance(1500);
    queue.add('later', PRIORITY.change);
    const turns = ['busy', 'punctual', 'later', 'idle'];
    for (const key of turns) {
      hands.running.get(key)?.(settled);
      await clock.advance(0);
    }
    expect(hands.order.slice(2)).toEqual(turns);
  });

  test('a parked key says why and until when, and wakes by itself or by news, but not by a resync', async () => {
    const { clock, queue, hands } = started(1);
    queue.add('/a', PRIORITY.change);
    await clock.advance(0);
    hands.running.get('/a')?.({ next: 'park', ms: 10_000, why: 'the pool is full', failed: true });
    await clock.advance(1_000);
    expect(queue.view().parked).toEqual([{ key: '/a', why: 'the pool is full', nextTryMs: 9_000, failures: 1 }]);
    queue.add('/a', PRIORITY.resync);
    await clock.advance(1_000);
    expect(hands.order).toHaveLength(1);
    queue.add('/a', PRIORITY.change);
    await clock.advance(0);
    expect(hands.order).toHaveLength(2);
    hands.running.get('/a')?.({ next: 'park', ms: 10_000, why: 'the pool is full', failed: true });
    await clock.advance(9_900);
    expect(hands.order).toHaveLength(2);
    await clock.advance(200);
    expect(hands.order).toHaveLength(3);
    expect(queue.failuresOf('/a')).toBe(2);
  });

  test('news does not wake a key that asked for quiet sooner than that, and is not lost either', async () => {
    const { clock, queue, hands } = started(1);
    queue.add('/a', PRIORITY.change);
    await clock.advance(0);
    queue.add('/a', PRIORITY.change);
    hands.running.get('/a')?.({ next: 'park', ms: 300_000, why: 'it fails', failed: true, quietMs: 5_000 });
    await clock.advance(4_900);
    queue.add('/a', PRIORITY.change);
    expect(hands.order).toHaveLength(1);
    await clock.advance(200);
    expect(hands.order).toHaveLength(2);
  });

  test('work that detaches gives its place away, and its key is still worked on by nobody else', async () => {
    const { clock, queue, hands } = started(1);
    queue.add('/slow', PRIORITY.change);
    queue.add('/next', PRIORITY.change);
    await clock.advance(0);
    expect(hands.order).toEqual(['/slow']);
    hands.detached.get('/slow')?.();
    hands.detached.get('/slow')?.();
    queue.add('/slow', PRIORITY.deletion);
    queue.add('/third', PRIORITY.change);
    await clock.advance(0);
    expect(hands.order).toEqual(['/slow', '/next']);
    hands.running.get('/slow')?.(settled);
    hands.running.get('/next')?.(settled);
    await clock.advance(0);
    expect(hands.order).toEqual(['/slow', '/next', '/slow']);
    expect(hands.overlaps).toEqual([]);
  });

  test('when it is told to end it begins nothing more, and waits for what is under way', async () => {
    const { clock, queue, hands, end, ended } = started(1);
    let over = false;
    void ended.then(() => (over = true));
    queue.add('/a', PRIORITY.change);
    queue.add('/b', PRIORITY.change);
    await clock.advance(0);
    end();
    await clock.advance(0);
    expect(over).toBe(false);
    hands.running.get('/a')?.(settled);
    await clock.advance(0);
    expect(over).toBe(true);
    expect(hands.order).toEqual(['/a']);
  });

  test.each([
    { what: 'changes', priority: PRIORITY.change, most: 11 },
    { what: 'a resync', priority: PRIORITY.resync, most: 3 },
  ] as const)('work on $what that waits for no timer lets timers have their turn', async ({ priority, most }) => {
    let ms = 0;
    let begun = 0;
    let longest = 0;
    const clock = {
      now: () => ms,
      monotonic: () => ms,
      async sleep(wait: number, signal: AbortSignal): Promise<void> {
        if (wait === 0) begun = 0;
        await new Promise((resolve) => (wait > 0 ? signal.addEventListener('abort', resolve, { once: true }) : setImmediate(resolve)));
      },
    };
    const queue = createQueue(clock, { workers: 4 });
    const ending = new AbortController();
    let left = 1_000;
    await new Promise<void>((resolve) => {
      for (let index = left; index > 0; index -= 1) queue.add(`/${String(index)}`, priority);
      // All that are worked on at once end at once.
      const work = (): Promise<Verdict> => {
        ms += 0.5;
        longest = Math.max(longest, (begun += 1));
        if ((left -= 1) === 0) resolve();
        return Promise.resolve(settled);
      };
      void queue.run(work, ending.signal);
    });
    ending.abort();
    expect(longest).toBeLessThanOrEqual(most);
  });

  test('the time to add and take keys grows with their number only', async () => {
    const timeOf = async (count: number): Promise<number> => {
      const queue = createQueue(createManualClock());
      const ending = new AbortController();
      let left = count;
      const all = new Promise<void>((resolve) => {
        const beganMs = performance.now();
        for (let index = 0; index < count; index += 1) queue.add(`/${String(index)}`, PRIORITY.change);
        void queue.run(() => ((left -= 1) === 0 && resolve(), Promise.resolve(settled)), ending.signal);
        began = beganMs;
      });
      await all;
      const took = performance.now() - began;
      ending.abort();
      return took;
    };
    let began = 0;
    await timeOf(1_000);
    const thousand = Math.min(await timeOf(1_000), await timeOf(1_000), await timeOf(1_000));
    const many = await timeOf(100_000);
    console.info(`queue: 1,000 keys ${thousand.toFixed(2)} ms, 100,000 keys ${many.toFixed(0)} ms`);
    // A hundred times as many keys: quadratic work would be ten thousand times as much.
    expect(many / thousand).toBeLessThan(2_000);
  });
});

type Move =
  | { readonly do: 'add'; readonly key: number; readonly priority: number }
  | { readonly do: 'end'; readonly at: number; readonly how: number }
  | { readonly do: 'detach'; readonly at: number }
  | { readonly do: 'wait'; readonly ms: number };

const moves = fc.array(
  fc.oneof<fc.Arbitrary<Move>[]>(
    fc.record({ do: fc.constant('add' as const), key: fc.nat(4), priority: fc.nat(3) }),
    fc.record({ do: fc.constant('end' as const), at: fc.nat(9), how: fc.nat(3) }),
    fc.record({ do: fc.constant('detach' as const), at: fc.nat(9) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(400) }),
  ),
  { maxLength: 60 },
);

const HOW: readonly Verdict[] = [
  { next: 'drop' },
  { next: 'again', priority: PRIORITY.change },
  { next: 'park', ms: 300, why: 'waits', failed: false },
  { next: 'park', ms: 300, why: 'fails', failed: true, quietMs: 100 },
];

async function end(queue: Queue, hands: ReturnType<typeof manualWork>, clock: ReturnType<typeof createManualClock>): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    for (const finish of [...hands.running.values()]) finish(settled);
    await clock.advance(400);
    const { depth, inFlight, parked } = queue.view();
    if (depth + inFlight.length + parked.length === 0) return;
  }
}

test('whatever happens, no key is worked on twice at once, and no addition is without work that begins after it', async () => {
  await fc.assert(
    fc.asyncProperty(moves, fc.integer({ min: 1, max: 3 }), async (all, workers) => {
      const { clock, queue, hands, end: finish } = started(workers);
      /** For each key, how many pieces of work had begun when it was last asked for. */
      const asked = new Map<string, number>();
      const begunOf = (key: string): number => hands.order.filter((one) => one === key).length;
      for (const move of all) {
        const keys = [...hands.running.keys()];
        if (move.do === 'add') {
          const key = `/${String(move.key)}`;
          asked.set(key, begunOf(key));
          queue.add(key, Object.values(PRIORITY)[move.priority] ?? PRIORITY.change);
        } else if (move.do === 'end') hands.running.get(keys[move.at % keys.length] ?? '')?.(HOW[move.how] ?? settled);
        else if (move.do === 'detach') hands.detached.get(keys[move.at % keys.length] ?? '')?.();
        await clock.advance(move.do === 'wait' ? move.ms : 0);
      }
      await end(queue, hands, clock);
      finish();
      expect(hands.overlaps).toEqual([]);
      for (const [key, before] of asked) expect([key, begunOf(key)]).not.toEqual([key, before]);
      expect(queue.view()).toMatchObject({ depth: 0, inFlight: [], parked: [] });
    }),
    { numRuns: 100 },
  );
});
