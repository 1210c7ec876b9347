import { createManualClock } from '../../test/manual-clock.ts';
import { createQueue, PRIORITY, type QueueSettings } from './queue.ts';

const stop = new AbortController();
afterAll(() => {
  stop.abort();
});

function started(settings: QueueSettings) {
  const clock = createManualClock();
  const queue = createQueue(clock, settings);
  const running = new Map<string, () => void>();
  const begun: number[] = [];
  const ended = queue.run((key) => {
    begun.push(clock.monotonic());
    return new Promise((resolve) => running.set(key, () => resolve({ next: 'drop' })));
  }, stop.signal);
  const finish = (): void => {
    for (const [key, end] of running) {
      running.delete(key);
      end();
    }
  };
  return { clock, queue, running, begun, finish, ended };
}

test('a queue that is paused begins nothing, says why, and goes on where it was', async () => {
  const { clock, queue, running, finish } = started({ workers: 2 });
  queue.add('/a', PRIORITY.change);
  await clock.advance(0);
  queue.configure({ workers: 2, paused: 'paused by ControllerConfig default' });
  queue.add('/b', PRIORITY.deletion);
  await clock.advance(1_000);
  expect([...running.keys()]).toEqual(['/a']);
  expect(queue.view()).toMatchObject({ depth: 1, paused: 'paused by ControllerConfig default' });
  finish();
  await clock.advance(60_000);
  expect(running.size).toBe(0);
  queue.configure({ workers: 2 });
  await clock.advance(0);
  expect([...running.keys()]).toEqual(['/b']);
  expect(queue.view().paused).toBeUndefined();
});

test('more workers begin at once, and fewer let what is under way end', async () => {
  const { clock, queue, running, finish } = started({ workers: 1 });
  for (let index = 0; index < 10; index += 1) queue.add(`/${String(index)}`, PRIORITY.change);
  await clock.advance(0);
  expect(running.size).toBe(1);
  queue.configure({ workers: 4 });
  await clock.advance(0);
  expect(running.size).toBe(4);
  queue.configure({ workers: 2 });
  await clock.advance(0);
  expect(running.size).toBe(4);
  finish();
  await clock.advance(0);
  expect(running.size).toBe(2);
});

test('a rate bounds how much begins in any second, and is kept up with', async () => {
  const { clock, queue, begun, finish } = started({ workers: 100, rate: 20 });
  for (let index = 0; index < 200; index += 1) queue.add(`/${String(index)}`, PRIORITY.change);
  for (let step = 0; step < 500; step += 1) {
    finish();
    await clock.advance(10);
  }
  // Five seconds, and the burst of a tenth of a second that late timers may make good.
  expect(begun.length).toBeGreaterThanOrEqual(100);
  expect(begun.length).toBeLessThanOrEqual(104);
  for (const from of [0, 1_000, 2_500]) expect(begun.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(23);
});

test('a deletion goes first also where the rate lets little begin', async () => {
  const { clock, queue, running, finish } = started({ workers: 1, rate: 1 });
  for (let index = 0; index < 5; index += 1) queue.add(`/${String(index)}`, PRIORITY.change);
  await clock.advance(0);
  queue.add('/leaves', PRIORITY.deletion);
  finish();
  await clock.advance(1_100);
  expect([...running.keys()]).toEqual(['/leaves']);
});

test('a view counts what happened, and lists a hundred at most, what has failed first', async () => {
  const clock = createManualClock();
  const queue = createQueue(clock, { workers: 8 });
  const fails = (key: string): boolean => Number(key.slice(1)) >= 250;
  void queue.run(async (key) => {
    await clock.sleep(50, stop.signal);
    if (key === '/0') return { next: 'park', ms: 1_000_000, why: 'settled', failed: false, as: 'settled' };
    return { next: 'park', ms: 1_000_000, why: fails(key) ? 'it broke' : 'waits for Zone z-1', failed: fails(key) };
  }, stop.signal);
  for (let index = 0; index < 300; index += 1) queue.add(`/${String(index)}`, PRIORITY.change);
  await clock.advance(10_000);
  const { parked, durations, ...view } = queue.view();
  expect(view).toMatchObject({
    adds: 300,
    done: 300,
    failed: 50,
    retries: 0,
    perMinute: 300,
    parkedCount: 299,
    settled: 1,
    classes: { failed: 50, waiting: 249, settled: 1, busy: 0, silent: 0 },
    reasons: [
      { why: 'waits for Zone z-1', count: 249 },
      { why: 'it broke', count: 50 },
    ],
  });
  expect(parked).toHaveLength(100);
  expect(parked.slice(0, 50).every(({ why, failures }) => why === 'it broke' && failures === 1)).toBe(true);
  expect(durations.counts[2]).toBe(300);
  expect(durations.sum).toBeCloseTo(15);
  await clock.advance(70_000);
  expect(queue.view().perMinute).toBe(0);
});
