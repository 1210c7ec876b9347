import { isAbsolute } from 'node:path';
import type { ConfigBag, ConfigSchema, Json } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';

const MAX_TEXT = 4096;

/** CONFIG_INVALID of one field: in its form, or on this machine. */
export function configInvalid(field: string, problem: string): DriverError {
  return new DriverError('INVALID_ARGUMENT', 'CONFIG_INVALID', `${field}: ${problem}`, { metadata: { field } });
}

type Property = Readonly<Record<string, Json>>;

function checkText(field: string, value: Json, rule: Property): void {
  if (typeof value !== 'string') throw configInvalid(field, 'must be a string');
  const { pattern, maxLength } = rule;
  if (value.length > Number(maxLength ?? MAX_TEXT) || value === '')
    throw configInvalid(field, `must have 1 to ${Number(maxLength ?? MAX_TEXT)} characters`);
  if (value.includes('\0')) throw configInvalid(field, 'must not hold a NUL character');
  if (pattern === '^/' && !isAbsolute(value)) throw configInvalid(field, 'must be an absolute path');
  if (typeof pattern === 'string' && !new RegExp(pattern).test(value)) throw configInvalid(field, `must match ${pattern}`);
  if (Array.isArray(rule.enum) && !rule.enum.includes(value)) throw configInvalid(field, `must be one of ${rule.enum.join(', ')}`);
}

function checkInteger(field: string, value: Json, rule: Property): void {
  const min = Number(rule.minimum ?? 0);
  const max = Number(rule.maximum ?? Number.MAX_SAFE_INTEGER);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw configInvalid(field, `must be a whole number from ${min} to ${max}`);
  }
}

function isObject(value: Json | undefined): value is Property {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkValue(field: string, value: Json, rule: Property): void {
  switch (rule.type) {
    case 'string':
      return checkText(field, value, rule);
    case 'integer':
      return checkInteger(field, value, rule);
    default: {
      if (!Array.isArray(value) || value.length > Number(rule.maxItems))
        throw configInvalid(field, `must be a list of at most ${Number(rule.maxItems)}`);
      const items = rule.items;
      value.forEach((item: Json, index) => isObject(items) && checkValue(`${field}[${index}]`, item, items));
    }
  }
}

/** INVALID_ARGUMENT/CONFIG_INVALID with metadata.field where a bag is not what a schema of strings, integers and lists of them says. */
export function checkBag(bag: ConfigBag, schema: ConfigSchema): void {
  const { properties, required } = schema;
  for (const [field, value] of Object.entries(bag)) {
    const rule = isObject(properties) && Object.hasOwn(properties, field) ? properties[field] : undefined;
    if (!isObject(rule)) throw configInvalid(field, 'is not a field of this configuration');
    checkValue(field, value, rule);
  }
  for (const field of Array.isArray(required) ? (required as readonly string[]) : []) {
    if (!Object.hasOwn(bag, field)) throw configInvalid(field, 'is required');
  }
}
