import { DriverError } from '../../drivers/contract/driver-error.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import { createBreaker } from './breaker.ts';

const silent = { how: 'silent' as const, error: new DriverError('UNAVAILABLE', 'BACKEND', 'down') };
const answered = { how: 'answered' as const };

function opened() {
  const clock = createManualClock();
  let answers = 0;
  const breaker = createBreaker({ clock, random: () => 1 }, () => (answers += 1));
  const fail = (times: number): void => {
    for (let time = 0; time < times; time += 1) {
      const as = breaker.begin();
      if (as !== undefined) breaker.end(as, silent);
    }
  };
  return { clock, breaker, fail, answers: () => answers };
}

test('opens after three calls in a row without an answer, not where one in between was answered', () => {
  const { breaker, fail } = opened();
  fail(2);
  breaker.end('call', answered);
  fail(2);
  expect(breaker.view()).toMatchObject({ state: 'closed', failures: 2 });
  fail(1);
  expect(breaker.view()).toEqual({ state: 'open', failures: 3, nextTryMs: 1_000 });
  expect(breaker.begin()).toBeUndefined();
  expect(breaker.error()?.message).toBe('down');
});

test('says of a silence what was said first, until it has another reason or ends', () => {
  const { breaker } = opened();
  const says = (code: 'UNAVAILABLE' | 'DEADLINE_EXCEEDED', message: string): string | undefined => {
    breaker.end('call', { how: 'silent', error: new DriverError(code, 'BACKEND', message) });
    return breaker.error()?.message;
  };
  expect([says('UNAVAILABLE', 'get: refused'), says('UNAVAILABLE', 'observe: refused')]).toEqual(['get: refused', 'get: refused']);
  expect(says('DEADLINE_EXCEEDED', 'get: too late')).toBe('get: too late');
  breaker.end('call', answered);
  expect(says('UNAVAILABLE', 'observe: refused')).toBe('observe: refused');
});

test('lets one probe through when its time has come, and waits twice as long after each that fails, up to five minutes', async () => {
  const { clock, breaker, fail } = opened();
  fail(3);
  const waits: number[] = [];
  for (let probe = 0; probe < 11; probe += 1) {
    const { nextTryMs } = breaker.view();
    waits.push(nextTryMs);
    await clock.advance(nextTryMs - 1);
    expect(breaker.begin()).toBeUndefined();
    await clock.advance(1);
    expect(breaker.begin()).toBe('probe');
    expect(breaker.begin()).toBeUndefined();
    expect(breaker.view().state).toBe('probing');
    breaker.end('probe', silent);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000));
});

test('closes when a probe, or a call that began before, is answered, and tells so once', async () => {
  const { clock, breaker, fail, answers } = opened();
  fail(3);
  await clock.advance(1_000);
  breaker.begin();
  breaker.end('probe', answered);
  breaker.end('call', answered);
  expect([breaker.view().state, answers()]).toEqual(['closed', 1]);
  fail(3);
  expect(breaker.view().nextTryMs).toBe(1_000);
  breaker.end('call', answered);
  expect([breaker.view().state, answers()]).toEqual(['closed', 2]);
});

test('calls that began before it opened do not make it wait longer, and a probe of which nobody knows how it ended is made again', async () => {
  const { clock, breaker, fail } = opened();
  fail(3);
  for (let late = 0; late < 5; late += 1) breaker.end('call', silent);
  expect(breaker.view().nextTryMs).toBe(1_000);
  await clock.advance(1_000);
  expect(breaker.begin()).toBe('probe');
  breaker.end('probe', { how: 'unknown' });
  expect(breaker.begin()).toBe('probe');
});

test('with news the next call is a probe at once, but never beside another', async () => {
  const { breaker, fail } = opened();
  fail(3);
  breaker.hurry();
  expect(breaker.begin()).toBe('probe');
  breaker.hurry();
  expect(breaker.begin()).toBeUndefined();
});
