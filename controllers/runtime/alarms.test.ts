import { createManualClock } from '../../test/manual-clock.ts';
import { createAlarms } from './alarms.ts';

test('rings in time and in order, not what was taken back, and an earlier alarm that is set later is not missed', async () => {
  const clock = createManualClock();
  const alarms = createAlarms(clock);
  const stop = new AbortController();
  const running = alarms.run(stop.signal);
  const rung: string[] = [];
  const set = (name: string, ms: number): (() => void) => alarms.set(ms, () => rung.push(`${name} ${String(clock.monotonic())}`));
  await clock.advance(0);
  set('late', 60_000);
  const off = set('off', 100);
  await clock.advance(10);
  set('early', 50);
  off();
  off();
  await clock.advance(59);
  expect(rung).toEqual(['early 60']);
  for (let index = 0; index < 10_000; index += 1) set('gone', 100)();
  await clock.advance(60_000);
  expect(rung).toEqual(['early 60', 'late 60000']);
  stop.abort(new Error('the test has ended'));
  await running;
});
