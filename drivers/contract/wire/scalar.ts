import { fieldInvalid } from '../names.ts';

/** A count or a size for the wire. */
export function wide(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw fieldInvalid('number', 'must be a safe whole number');
  return BigInt(value);
}

/** A count or a size from the wire; INVALID_ARGUMENT beyond 2^53. */
export function narrow(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw fieldInvalid('number', 'must be a safe whole number');
  return number;
}

/** The member of a closed list that `value` is; INVALID_ARGUMENT where it is none. */
export function oneOf<const T extends string>(field: string, members: readonly T[], value: string): T {
  const member = members.find((candidate) => candidate === value);
  if (member === undefined) throw fieldInvalid(field, `must be one of ${members.join(', ')}`);
  return member;
}

/** A message that the contract requires; INVALID_ARGUMENT where it is missing. */
export function present<T>(field: string, value: T | undefined): T {
  if (value === undefined) throw fieldInvalid(field, 'is required');
  return value;
}
