import type { StatusCause } from '../../apis/meta/api-error.ts';

/** How a value is shown in an error: short, and never whole objects. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? '"array"' : '"object"';
}

/** The field has a value that it cannot have. */
export function invalidValue(field: string, value: unknown, because: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown(value)}: ${because}`, field };
}

/** The field has a value of a type that it cannot have. */
export function wrongType(field: string, value: unknown, type: string): StatusCause {
  return { reason: 'FieldValueTypeInvalid', message: `Invalid value: ${shown(value)}: must be of type ${type}`, field };
}

/** The field must be given. */
export function required(field: string, because = ''): StatusCause {
  return { reason: 'FieldValueRequired', message: because === '' ? 'Required value' : `Required value: ${because}`, field };
}

/** The field may not be given, or not now. */
export function forbiddenField(field: string, because: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${because}`, field };
}

/** The field has a value that is none of those that it may have. */
export function notSupported(field: string, value: unknown, supported: readonly unknown[]): StatusCause {
  const values = supported.map((each) => JSON.stringify(each)).join(', ');
  return { reason: 'FieldValueNotSupported', message: `Unsupported value: ${shown(value)}: supported values: ${values}`, field };
}

/** The same thing is in a list twice; `json` is its text. */
export function duplicate(field: string, json: string): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${json.length > 80 ? `${json.slice(0, 77)}...` : json}`, field };
}
