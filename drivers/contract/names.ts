import { DriverError } from './driver-error.ts';
import type { Fence, Owner } from './fence.ts';

const BARE = /^[a-z0-9][a-z0-9.-]*$/;
const UID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const KIND = /^[A-Z][A-Za-z0-9]{0,62}$/;
const OPERATION = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/;
const MAX_BYTES = 2 ** 50;

/** The error of one wrong field of a call: INVALID_ARGUMENT/FIELD_INVALID with metadata.field. */
export function fieldInvalid(field: string, problem: string): DriverError {
  return new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', `${field} ${problem}`, { metadata: { field } });
}

function check(pattern: RegExp, field: string, value: string, maxLength: number, want: string): void {
  if (value.length > maxLength) throw fieldInvalid(field, `must have at most ${maxLength} characters`);
  if (!pattern.test(value)) throw fieldInvalid(field, `must be ${want}`);
}

/** Throws unless `value` is a bare name: what may be looked up in an operator's folder or list, and never a path. */
export function checkBareName(field: string, value: string, maxLength = 128): void {
  check(BARE, field, value, maxLength, 'a bare name of lower-case letters, digits, "." and "-"; paths are not accepted');
}

/** Throws unless `value` is a uid: lower-case letters, digits and "-", at most 63, so that it may be a file's name. */
export function checkUid(field: string, value: string): void {
  check(UID, field, value, 63, 'a uid of lower-case letters, digits and "-"');
}

/** Throws unless `value` is the name of a part of a machine (a DNS-1123 label). */
export function checkPartName(field: string, value: string): void {
  check(LABEL, field, value, 63, 'a name of lower-case letters, digits and "-"');
}

/** Throws unless `value` is an operation id: letters, digits, ".", "_", ":" and "-", at most 253, beginning with a letter or digit. */
export function checkOperationId(field: string, value: string): void {
  check(OPERATION, field, value, 253, 'an id of letters, digits, ".", "_", ":" and "-"');
}

/** Throws unless `value` may be a backend's own id of a thing: any text, at most 253 characters. */
export function checkThingId(field: string, value: string): void {
  if (value === '' || value.length > 253) throw fieldInvalid(field, 'must have 1 to 253 characters');
}

/** Throws unless `value` is a whole number of bytes from `min` to 1 PiB. */
export function checkBytes(field: string, value: number, min = 1): void {
  if (!Number.isSafeInteger(value) || value < min || value > MAX_BYTES) {
    throw fieldInvalid(field, `must be a whole number of bytes from ${min} to ${MAX_BYTES}`);
  }
}

/** Throws unless `value` is a whole number from `min` to `max`. */
export function checkCount(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) throw fieldInvalid(field, `must be a whole number from ${min} to ${max}`);
}

/** Throws unless every field of a tag may be written beside a thing and read back. */
export function checkOwner(field: string, owner: Owner): void {
  checkUid(`${field}.uid`, owner.uid);
  check(SUBDOMAIN, `${field}.installation`, owner.installation, 253, 'a uid');
  check(KIND, `${field}.kind`, owner.kind, 63, 'a kind such as VirtualMachine');
  if (owner.namespace !== '') check(LABEL, `${field}.namespace`, owner.namespace, 63, 'a namespace, or empty');
  check(SUBDOMAIN, `${field}.name`, owner.name, 253, 'a DNS-1123 subdomain');
}

/** Throws unless a fence is whole: a caller and a shard that have names, and counts that are not negative. */
export function checkFence(field: string, fence: Fence): void {
  check(SUBDOMAIN, `${field}.installation`, fence.installation, 253, 'a uid');
  check(SUBDOMAIN, `${field}.shard`, fence.shard, 253, "a zone's name or global");
  for (const count of ['incarnation', 'epoch', 'generation', 'placementEpoch'] as const) {
    checkCount(`${field}.${count}`, fence[count], 0, Number.MAX_SAFE_INTEGER);
  }
}
