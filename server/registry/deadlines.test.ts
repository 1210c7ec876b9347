import type { Clock } from '../../apis/meta/clock.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import { createDeadlines } from './deadlines.ts';

test('a deadline strikes at its time, whichever was set before it, and only once', async () => {
  const clock = createManualClock();
  const deadlines = createDeadlines(clock);
  const struck: string[] = [];
  deadlines.set(2500, () => struck.push(`late at ${String(clock.monotonic())}`));
  deadlines.set(300, () => struck.push(`soon at ${String(clock.monotonic())}`));
  await clock.advance(299);
  expect(struck).toEqual([]);
  await clock.advance(10_000);
  expect(struck).toEqual(['soon at 300', 'late at 2500']);
});

test('a deadline that is forgotten never strikes, and one set after a silence does', async () => {
  const clock = createManualClock();
  const deadlines = createDeadlines(clock);
  const struck: string[] = [];
  deadlines.set(500, () => struck.push('forgotten'))();
  await clock.advance(5000);
  deadlines.set(100, () => struck.push('kept'));
  await clock.advance(100);
  expect(struck).toEqual(['kept']);
});

test('nothing sleeps any more soon after the last deadline is forgotten, so that a process can end', async () => {
  const clock = createManualClock();
  let sleeping = 0;
  const sleep: Clock['sleep'] = (ms, signal) => {
    sleeping += 1;
    return clock.sleep(ms, signal).finally(() => (sleeping -= 1));
  };
  createDeadlines({ ...clock, sleep }).set(60_000, () => undefined)();
  expect(sleeping).toBe(1);
  await clock.advance(100);
  expect(sleeping).toBe(0);
});
