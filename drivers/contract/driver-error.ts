/** The closed set of codes; the code is the recovery (see `recoveryOf`). */
export const DRIVER_ERROR_CODES = {
  UNAVAILABLE: 'retry',
  ABORTED: 'retry',
  INTERNAL: 'retry',
  RESOURCE_EXHAUSTED: 'wait',
  DEADLINE_EXCEEDED: 'observe',
  UNKNOWN: 'observe',
  NOT_FOUND: 'observe',
  ALREADY_EXISTS: 'observe',
  FAILED_PRECONDITION: 'observe',
  INVALID_ARGUMENT: 'stop',
  UNIMPLEMENTED: 'stop',
  PERMISSION_DENIED: 'stop',
} as const satisfies Record<string, Recovery>;

/** What a caller does next: try again, wait for room, look before anything else, or stop until a person changes the input. */
export type Recovery = 'retry' | 'wait' | 'observe' | 'stop';

export type DriverErrorCode = keyof typeof DRIVER_ERROR_CODES;

/** The closed set of machine-readable reasons that travel in google.rpc.ErrorInfo. */
export const DRIVER_ERROR_REASONS = [
  'STALE_EPOCH',
  'TOMBSTONED',
  'IN_USE',
  'NEEDS_STOP',
  'SHRINK_REFUSED',
  'OPERATION_PENDING',
  'OTHER_CONTENT',
  'FOREIGN_OWNER',
  'DRAINING',
  'SESSION_UNKNOWN',
  'NO_SPACE',
  'NO_CAPACITY',
  'IMAGE_NOT_FOUND',
  'DISK_NOT_FOUND',
  'MACHINE_NOT_FOUND',
  'BRIDGE_NOT_FOUND',
  'GUEST_BUSY',
  'LEASE_LAPSED',
  'CONFIG_INVALID',
  'DRIVER_UNKNOWN',
  'FIELD_INVALID',
  'CAPABILITY_MISSING',
  'FAULT_INJECTED',
  'BACKEND',
] as const;

export type DriverErrorReason = (typeof DRIVER_ERROR_REASONS)[number];

/** A driver call that failed; `message` is one sentence for people, without secrets. */
export class DriverError extends Error {
  readonly code: DriverErrorCode;
  readonly reason: DriverErrorReason;
  /** Facts for machines, for example the newer fence of a STALE_EPOCH or the field of a FIELD_INVALID. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long to wait before the next try, where the driver knows. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: DriverErrorCode,
    reason: DriverErrorReason,
    message: string,
    options: { readonly metadata?: Readonly<Record<string, string>>; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DriverError';
    this.code = code;
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What to do after `error`. */
export function recoveryOf(error: DriverError): Recovery {
  return DRIVER_ERROR_CODES[error.code];
}
