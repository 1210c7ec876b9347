import { createManualClock } from '../../test/manual-clock.ts';
import { createAlarms } from './alarms.ts';
import { createDriverGate } from './driver-gate.ts';
import { createGate } from './gate.ts';
import { PRIORITY } from './queue.ts';

const never = new AbortController().signal;
const entering = { priority: PRIORITY.change, waits: () => undefined };
const turns = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

test('64 calls of one driver are under way at once, and the next begins when one of them ends', async () => {
  const clock = createManualClock();
  const gate = createDriverGate(createGate(), createAlarms(clock), clock);
  const inside = await Promise.all(Array.from({ length: 64 }, () => gate.enter('driver sim', entering, never)));
  let begun = false;
  const next = gate.enter('driver sim', entering, never).then(() => (begun = true));
  await gate.enter('driver qemu', entering, never);
  await turns();
  expect(begun).toBe(false);
  inside[0]?.(true);
  await next;
});

test('calls that take long make room for others, and when they end at last, for none twice', async () => {
  const clock = createManualClock();
  const shared = createGate();
  const alarms = createAlarms(clock);
  const stop = new AbortController();
  const ringing = alarms.run(stop.signal);
  const gate = createDriverGate(shared, alarms, clock);
  const inside = await Promise.all(Array.from({ length: 64 }, () => gate.enter('driver sim', entering, never)));
  expect(shared.insideOf('driver sim')).toBe(64);
  await turns();
  await clock.advance(50);
  await turns();
  expect(shared.insideOf('driver sim')).toBe(0);
  for (const leave of inside) leave(true);
  expect(shared.insideOf('driver sim')).toBe(0);
  stop.abort();
  await ringing;
});

test('where all calls take long, as on a machine that is busy, no more of them begin for that', async () => {
  const clock = createManualClock();
  const alarms = createAlarms(clock);
  const stop = new AbortController();
  const ringing = alarms.run(stop.signal);
  const gate = createDriverGate(createGate(), alarms, clock);
  let underWay = 0;
  const call = async (ms: number): Promise<void> => {
    const leave = await gate.enter('driver sim', entering, never);
    underWay += 1;
    await clock.sleep(ms, never);
    underWay -= 1;
    leave(true);
  };
  for (let index = 0; index < 2_000; index += 1) void call(400);
  let most = 0;
  for (let ms = 0; ms < 10_000; ms += 50) {
    await clock.advance(50);
    if (ms > 3_000) most = Math.max(most, underWay);
  }
  expect(most).toBe(64);
  stop.abort();
  await ringing;
});
