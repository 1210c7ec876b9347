import type { Category, ConfigBag, ConfigSchema, Json } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { checkBag } from '../serve/config-bag.ts';

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
