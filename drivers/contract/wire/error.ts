import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, DurationSchema } from '@bufbuild/protobuf/wkt';
import { DRIVER_ERROR_CODES, DRIVER_ERROR_REASONS, DriverError } from '../driver-error.ts';
import type { DriverErrorCode } from '../driver-error.ts';
import { ErrorInfoSchema, RetryInfoSchema, StatusSchema } from '../gen/google/rpc/status_pb.js';

/** The trailer that holds a google.rpc.Status. */
export const DETAILS_TRAILER = 'grpc-status-details-bin';
const DOMAIN = 'driver.lenticular.dev';
const MAX_MESSAGE = 1024;

/** gRPC's number of each of our codes. */
const NUMBERS = {
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const satisfies Record<DriverErrorCode, number>;

/** gRPC's codes outside our closed list, as the ones that ask for the same recovery. */
const FOREIGN: Readonly<Record<number, DriverErrorCode>> = {
  1: 'UNKNOWN',
  11: 'INVALID_ARGUMENT',
  15: 'INTERNAL',
  16: 'PERMISSION_DENIED',
};
/** What a transport says by itself when it lost the call. */
const LOST: readonly number[] = [NUMBERS.UNKNOWN, NUMBERS.UNAVAILABLE, NUMBERS.INTERNAL, NUMBERS.ABORTED, 1, 15];
/** What it also says when an answer was too large to carry: by then the effect was had. */
const LOST_ANSWER: readonly number[] = [...LOST, NUMBERS.RESOURCE_EXHAUSTED];

/** A failed call as gRPC carries it. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  /** A google.rpc.Status. */
  readonly details: Uint8Array;
}

function codeOf(number: number): DriverErrorCode {
  const known = Object.keys(NUMBERS).find((code): code is DriverErrorCode => NUMBERS[code as DriverErrorCode] === number);
  return known ?? FOREIGN[number] ?? 'UNKNOWN';
}

/** An error for the wire; what is no DriverError is INTERNAL and says nothing of itself, because it may hold a secret. */
export function errorTo(error: unknown): WireError {
  const known = error instanceof DriverError ? error : new DriverError('INTERNAL', 'BACKEND', 'the driver failed; its log says why');
  const code = NUMBERS[known.code];
  const message = known.message.slice(0, MAX_MESSAGE);
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: known.reason, domain: DOMAIN, metadata: { ...known.metadata } })),
  ];
  if (known.retryAfterMs !== undefined) {
    const seconds = Math.floor(known.retryAfterMs / 1000);
    const retryDelay = create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((known.retryAfterMs - seconds * 1000) * 1e6) });
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return { code, message, details: toBinary(StatusSchema, create(StatusSchema, { code, message, details })) };
}

function detailsOf(bytes: Uint8Array | undefined): {
  readonly info?: { reason: string; metadata: Record<string, string> };
  readonly retryAfterMs?: number;
} {
  if (bytes === undefined) return {};
  try {
    const { details } = fromBinary(StatusSchema, bytes);
    const info = details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((found) => found !== undefined);
    const delay = details.map((any) => anyUnpack(any, RetryInfoSchema)).find((found) => found !== undefined)?.retryDelay;
    return {
      ...(info !== undefined && { info }),
      ...(delay !== undefined && { retryAfterMs: Number(delay.seconds) * 1000 + delay.nanos / 1e6 }),
    };
  } catch {
    // Details that cannot be read are as good as none: the code still says what to do.
    return {};
  }
}

/**
 * An error from the wire. One without ErrorInfo is the transport's own, not the driver's: for a mutating call a lost connection is then
 * UNKNOWN (the effect may have been had), for a call that only looks it stays UNAVAILABLE.
 */
export function errorFrom(
  wire: { readonly code: number; readonly message: string; readonly details?: Uint8Array | undefined },
  mutating: boolean,
): DriverError {
  const { info, retryAfterMs } = detailsOf(wire.details);
  const reason = DRIVER_ERROR_REASONS.find((known) => known === info?.reason) ?? 'BACKEND';
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (info !== undefined) return new DriverError(codeOf(wire.code), reason, wire.message, { metadata: info.metadata, ...retry });
  if (!(mutating ? LOST_ANSWER : LOST).includes(wire.code)) return new DriverError(codeOf(wire.code), reason, wire.message, retry);
  const recovery = DRIVER_ERROR_CODES[codeOf(wire.code)];
  const message = `the connection to the driver was lost during the call: ${wire.message}`;
  return new DriverError(mutating || recovery === 'observe' ? 'UNKNOWN' : 'UNAVAILABLE', reason, message, retry);
}
