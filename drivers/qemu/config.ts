import { isAbsolute } from 'node:path';
import type { Category, ConfigBag, ConfigSchema, Json } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';

/** What the operator set for a host; folders absolute. */
export interface HostConfig {
  readonly stateDir?: string;
  readonly imagesDir?: string;
  readonly bridges: readonly string[];
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  /** What is reported as the host's capacity, where it is less than what the machine has. */
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

/** What the operator set for a pool; folders absolute. */
export interface PoolConfig {
  readonly dir?: string;
  readonly imagesDir?: string;
  /** Where the pool may not fill its file system. */
  readonly capacityBytes?: number;
}

const MAX_PATH = 4096;
const folder = (label: string, description: string): Json => ({
  type: 'string',
  label,
  description,
  minLength: 1,
  maxLength: MAX_PATH,
  pattern: '^/',
});

const HOST_SCHEMA: ConfigSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    stateDir: folder('Machines folder', 'Absolute path of the folder that holds the machines of this host.'),
    imagesDir: folder('Images folder', 'Absolute path of the folder in which kernels and initrds are looked up by bare name.'),
    bridges: {
      type: 'array',
      label: 'Allowed bridges',
      description: 'Names of the bridges that machines may join.',
      maxItems: 64,
      items: { type: 'string', minLength: 1, maxLength: 15, pattern: '^[a-z0-9][a-z0-9.-]*$' },
    },
    accelerator: {
      type: 'string',
      label: 'Accelerator',
      description: 'auto takes KVM where a machine really boots with it.',
      enum: ['auto', 'kvm', 'tcg'],
    },
    cpus: { type: 'integer', label: 'CPUs', description: 'Capacity to report, at most what the machine has.', minimum: 1, maximum: 4096 },
    memoryBytes: {
      type: 'integer',
      label: 'Memory (bytes)',
      description: 'Capacity to report, at most what the machine has.',
      minimum: 1048576,
    },
  },
};

const POOL_SCHEMA: ConfigSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    dir: folder('Pool folder', 'Absolute path of the folder that holds the disks.'),
    imagesDir: folder('Images folder', 'Absolute path of the folder in which images are looked up by bare name.'),
    capacityBytes: { type: 'integer', label: 'Capacity (bytes)', description: 'At most what the file system has.', minimum: 1 },
  },
};

/** What the configuration bag of an endpoint of this category may hold. */
export function configSchemaOf(category: Category): ConfigSchema {
  if (category === 'machine') return HOST_SCHEMA;
  if (category === 'disk') return POOL_SCHEMA;
  throw new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', `the qemu driver serves no ${category}`);
}

function invalid(field: string, problem: string): DriverError {
  return new DriverError('INVALID_ARGUMENT', 'CONFIG_INVALID', `${field}: ${problem}`, { metadata: { field } });
}

type Property = Readonly<Record<string, Json>>;

function checkText(field: string, value: Json, rule: Property): void {
  if (typeof value !== 'string') throw invalid(field, 'must be a string');
  const { pattern, maxLength } = rule;
  if (value.length > Number(maxLength ?? MAX_PATH) || value === '')
    throw invalid(field, `must have 1 to ${Number(maxLength ?? MAX_PATH)} characters`);
  if (value.includes('\0')) throw invalid(field, 'must not hold a NUL character');
  if (pattern === '^/' && !isAbsolute(value)) throw invalid(field, 'must be an absolute path');
  if (typeof pattern === 'string' && !new RegExp(pattern).test(value)) throw invalid(field, `must match ${pattern}`);
  if (Array.isArray(rule.enum) && !rule.enum.includes(value)) throw invalid(field, `must be one of ${rule.enum.join(', ')}`);
}

function checkInteger(field: string, value: Json, rule: Property): void {
  const min = Number(rule.minimum ?? 0);
  const max = Number(rule.maximum ?? Number.MAX_SAFE_INTEGER);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(field, `must be a whole number from ${min} to ${max}`);
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
        throw invalid(field, `must be a list of at most ${Number(rule.maxItems)}`);
      const items = rule.items;
      value.forEach((item: Json, index) => isObject(items) && checkValue(`${field}[${index}]`, item, items));
    }
  }
}

function checkBag(bag: ConfigBag, schema: ConfigSchema): void {
  const properties = schema.properties;
  for (const [field, value] of Object.entries(bag)) {
    const rule = isObject(properties) && Object.hasOwn(properties, field) ? properties[field] : undefined;
    if (!isObject(rule)) throw invalid(field, 'is not a field of this configuration');
    checkValue(field, value, rule);
  }
}

/** The host's configuration; INVALID_ARGUMENT/CONFIG_INVALID with metadata.field where the bag is wrong. */
export function parseHostConfig(bag: ConfigBag): HostConfig {
  checkBag(bag, HOST_SCHEMA);
  return { bridges: [], accelerator: 'auto', ...bag };
}

/** The pool's configuration; INVALID_ARGUMENT/CONFIG_INVALID with metadata.field where the bag is wrong. */
export function parsePoolConfig(bag: ConfigBag): PoolConfig {
  checkBag(bag, POOL_SCHEMA);
  return bag;
}

/** CONFIG_INVALID of a field whose value is right in form and wrong on this machine. */
export function configUnusable(field: string, problem: string): DriverError {
  return invalid(field, problem);
}
