import type { Clock } from '../../apis/meta/clock.ts';
import { createCrashLog } from './crash-log.ts';
import { machine, vm } from './plan/test-rows.ts';

const RUNS = machine();
const CRASHED = machine({ power: 'stopped', stopCause: 'crashed' });

/** A log whose time is moved by hand. */
function logged() {
  let nowMs = 0;
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, sleep: () => Promise.reject(new Error('nobody sleeps')) };
  const log = createCrashLog(clock);
  const pass = (ms: number): void => void (nowMs += ms);
  return {
    log,
    pass,
    /** It crashes after so long; how often in a row, and how long it waits. */
    crash(afterMs = 100) {
      pass(afterMs);
      const seen = log.see(vm(), CRASHED);
      pass(seen?.waitMs ?? 0);
      expect(log.see(vm(), CRASHED)?.waitMs).toBe(0);
      log.started('m-1');
      return [seen?.inRow, seen?.waitMs];
    },
  };
}

test('what crashes is started at once, and again and again after a delay that doubles from 1 s to 5 min', () => {
  const { crash } = logged();
  const delays = Array.from({ length: 13 }, () => crash());
  expect(delays.map(([inRow]) => inRow)).toEqual(Array.from({ length: 13 }, (_, at) => at + 1));
  expect(delays.map(([, waitMs]) => waitMs)).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map((s) => s * 1000));
});

test('a crash counts once, however often it is seen, and the wait for the start goes by', () => {
  const { log, crash, pass } = logged();
  crash();
  crash();
  const [first, again] = [log.see(vm(), CRASHED), log.see(vm(), CRASHED)];
  expect([first?.inRow, again?.inRow, first?.waitMs]).toEqual([3, 3, 2000]);
  pass(1500);
  expect(log.see(vm(), CRASHED)).toMatchObject({ inRow: 3, waitMs: 500 });
});

test('who has run for ten minutes runs well, and its next crash is its first', () => {
  const { log, crash, pass } = logged();
  for (let times = 0; times < 4; times += 1) crash();
  pass(599_999);
  expect(log.see(vm(), RUNS)).toMatchObject({ inRow: 4, waitMs: 0, wellInMs: 1 });
  pass(1);
  expect(log.see(vm(), RUNS)).toBeUndefined();
  expect(crash()).toEqual([1, 0]);
  // Nobody has looked at it while it ran.
  expect(crash(600_000)).toEqual([1, 0]);
  expect(crash()).toEqual([2, 1000]);
});

test.each([
  { why: 'what is declared anew', then: { ...vm(), metadata: { ...vm().metadata, generation: 4 } }, seen: CRASHED },
  { why: 'what was stopped as asked', then: vm(), seen: machine({ power: 'stopped', stopCause: 'requested' }) },
  { why: 'what its host stopped', then: vm(), seen: machine({ power: 'stopped', stopCause: 'lease-expired' }) },
  { why: 'what is gone', then: vm(), seen: undefined },
])('$why is tried anew', ({ then, seen }) => {
  const { log, crash } = logged();
  for (let times = 0; times < 5; times += 1) crash();
  log.see(then, seen);
  expect(log.see(then, CRASHED)).toMatchObject({ inRow: 1, waitMs: 0 });
});

test('what never crashed is not remembered when it is started', () => {
  const { log } = logged();
  log.started('m-1');
  expect(log.see(vm(), RUNS)).toBeUndefined();
  expect(log.see(vm(), machine({ power: 'stopped', stopCause: 'guest-shutdown' }))).toMatchObject({ inRow: 1, cause: 'guest-shutdown' });
});
