import fc from 'fast-check';
import { DRIVER_ERROR_CODES, DRIVER_ERROR_REASONS, DriverError, recoveryOf } from '../driver-error.ts';
import type { DriverErrorCode } from '../driver-error.ts';
import { errorFrom, errorTo } from './error.ts';

const codes = Object.keys(DRIVER_ERROR_CODES) as DriverErrorCode[];
const UNAVAILABLE = 14;

test('every error of a driver comes over the wire as it was', () => {
  const metadata = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }));
  const retry = fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.constantFrom(...codes),
      fc.constantFrom(...DRIVER_ERROR_REASONS),
      metadata,
      retry,
      fc.boolean(),
      (code, reason, facts, retryAfterMs, mutating) => {
        const sent = new DriverError(code, reason, 'why', { metadata: facts, ...(retryAfterMs !== undefined && { retryAfterMs }) });
        const came = errorFrom(errorTo(sent), mutating);
        expect([came.code, came.reason, came.message, came.retryAfterMs]).toEqual([code, reason, 'why', retryAfterMs]);
        expect({ ...came.metadata }).toEqual({ ...facts });
      },
    ),
  );
});

test('a connection that is lost in a call that changes something leaves its outcome unknown', () => {
  const lost = { code: UNAVAILABLE, message: 'Connection dropped' };
  expect(errorFrom(lost, true).code).toBe('UNKNOWN');
  expect(errorFrom(lost, false).code).toBe('UNAVAILABLE');
});

test("a driver's own UNAVAILABLE stays one, because it says that nothing was done", () => {
  const said = errorTo(new DriverError('UNAVAILABLE', 'DRAINING', 'draining'));
  expect(errorFrom(said, true)).toMatchObject({ code: 'UNAVAILABLE', reason: 'DRAINING' });
});

test('no code of gRPC, known or not, makes a mutating call be repeated without a look unless the driver said so', () => {
  const unreadable = [undefined, new Uint8Array(), new Uint8Array([255, 255])];
  for (let code = 1; code <= 40; code += 1) {
    for (const details of unreadable) {
      const error = errorFrom({ code, message: 'x', details }, true);
      expect([code, recoveryOf(error)]).toEqual([code, expect.stringMatching(/^(observe|stop)$/)]);
    }
  }
});

test('a driver that is full says so, and an answer that is too large to carry is only waited for where nothing was changed', () => {
  const said = errorTo(new DriverError('RESOURCE_EXHAUSTED', 'NO_SPACE', 'full', { retryAfterMs: 5 }));
  expect(errorFrom(said, true)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'NO_SPACE', retryAfterMs: 5 });
  const bare = { code: said.code, message: 'Received message larger than max' };
  expect([errorFrom(bare, true).code, errorFrom(bare, false).code]).toEqual(['UNKNOWN', 'RESOURCE_EXHAUSTED']);
});

test('what is no error of the contract says nothing of itself', () => {
  const { message, code } = errorTo(new TypeError('password=hunter2'));
  expect([message.includes('hunter2'), code]).toEqual([false, 13]);
});

test('a reason that this version does not know keeps its code', () => {
  const newer = errorTo(Object.assign(new DriverError('ABORTED', 'BACKEND', 'later'), { reason: 'INVENTED_LATER' }));
  expect(errorFrom(newer, true)).toMatchObject({ code: 'ABORTED', reason: 'BACKEND' });
});
