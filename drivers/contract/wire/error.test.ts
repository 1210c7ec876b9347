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

test('no code of gRPC, known or not, makes a mutating call be repeated blindly unless the driver said so', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.uint8Array({ maxLength: 64 }), (code, details) => {
      const error = errorFrom({ code, message: 'x', details }, true);
      if (recoveryOf(error) === 'retry') expect(error.reason).not.toBe('BACKEND');
    }),
  );
});

test('what is no error of the contract says nothing of itself', () => {
  const { message, code } = errorTo(new TypeError('password=hunter2'));
  expect([message.includes('hunter2'), code]).toEqual([false, 13]);
});

test('a reason that this version does not know keeps its code', () => {
  const newer = errorTo(Object.assign(new DriverError('ABORTED', 'BACKEND', 'later'), { reason: 'INVENTED_LATER' }));
  expect(errorFrom(newer, true)).toMatchObject({ code: 'ABORTED', reason: 'BACKEND' });
});
