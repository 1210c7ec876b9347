import type { Category, ConfigBag, ConfigSchema, Json } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { bytesIn, QUANTITY_PATTERN } from './quantity.ts';

/** What a simulated host is. */
export interface HostConfig {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  /** What others use of both. */
  readonly usedMemoryBytes: number;
  readonly usedStorageBytes: number;
  readonly bootDelayMs: number;
  readonly stopDelayMs: number;
  readonly ignoreShutdown: boolean;
  /** Empty: made from the endpoint's uid. */
  readonly hostId: string;
  /** 0: it has no lease. */
  readonly leaseMs: number;
}

/** What a simulated pool is. */
export interface PoolConfig {
  readonly capacityBytes: number;
  readonly copyBytesPerSecond: number;
  /** Bytes of each image, by name. */
  readonly images: Readonly<Record<string, number>>;
  /** Host ids; undefined: every host. */
  readonly reachableFrom: readonly string[] | undefined;
  readonly poolId: string;
}

type Property = Readonly<Record<string, Json>> & { readonly type: string; readonly default: Json; readonly pattern?: string };

/** A checked value, by its property's type. */
type Values = Readonly<Record<string, string | number | boolean>>;

const quantity = (label: string, description: string, fallback: string): Property => {
  return { type: 'string', format: 'quantity', pattern: QUANTITY_PATTERN, maxLength: 32, default: fallback, label, description };
};
const delay = (label: string, description: string, fallback: number): Property => {
  return { type: 'integer', minimum: 0, maximum: 3_600_000, default: fallback, label, description };
};
const text = (label: string, description: string, pattern: string, fallback: string): Property => {
  return { type: 'string', pattern, maxLength: 1024, default: fallback, label, description };
};

const ID = '^(|[a-z0-9][a-z0-9.-]{0,127})$';

const HOST: Readonly<Record<string, Property>> = {
  cpus: { type: 'integer', minimum: 1, maximum: 65_536, default: 16, label: 'CPUs', description: 'CPUs that machines may use.' },
  memory: quantity('Memory', 'Memory that machines may use.', '64Gi'),
  storage: quantity('Storage', 'Local storage.', '0'),
  memoryUsed: quantity('Used memory', 'Memory of the host that is in use.', '0'),
  storageUsed: quantity('Used storage', 'Local storage of the host that is in use.', '0'),
  bootDelayMs: delay('Boot delay', 'Milliseconds from Start until the guest has addresses and hears a shutdown.', 500),
  stopDelayMs: delay('Stop delay', 'Milliseconds that a guest takes to shut down.', 300),
  ignoreShutdown: { type: 'boolean', default: false, label: 'Ignore shutdown', description: 'Guests ignore a graceful stop.' },
  hostId: text('Host id', 'The stable id of the host; empty: made from its uid.', ID, ''),
  leaseSeconds: {
    ...{ type: 'integer', minimum: 0, maximum: 3600, default: 0, label: 'Lease' },
    description: 'Seconds without a renewal after which the host stops its leased machines by itself; 0: never.',
  },
};

const POOL: Readonly<Record<string, Property>> = {
  capacity: quantity('Capacity', 'Bytes that the pool holds.', '1Ti'),
  copyRate: quantity('Copy rate', 'Bytes a second of imports and clones.', '8Gi'),
  images: text('Images', 'Images of the pool: names with optional sizes, as in debian-12:2Gi,demo.', '^[a-zA-Z0-9.:,-]*$', 'demo'),
  reachableFrom: text('Reachable from', 'Ids of the hosts that reach the pool, with commas; empty: every host.', '^[a-z0-9.,-]*$', ''),
  poolId: text('Pool id', 'The stable id of the pool; empty: made from its uid.', ID, ''),
};

const PROPERTIES: Readonly<Record<Category, Readonly<Record<string, Property>>>> = { machine: HOST, disk: POOL, power: {} };

/** The JSON Schema of an endpoint's configuration bag. */
export function simConfigSchema(category: Category): ConfigSchema {
  return { type: 'object', properties: PROPERTIES[category], required: [], additionalProperties: false };
}

function invalid(field: string, problem: string): DriverError {
  return new DriverError('INVALID_ARGUMENT', 'CONFIG_INVALID', `config.${field} ${problem}`, { metadata: { field } });
}

function bounded(field: string, property: Property, value: number): number {
  const { minimum, maximum } = property;
  if (typeof minimum === 'number' && value < minimum) throw invalid(field, `must be at least ${minimum}`);
  if (typeof maximum === 'number' && value > maximum) throw invalid(field, `must be at most ${maximum}`);
  return value;
}

function valueOf(field: string, property: Property, value: Json): string | number | boolean {
  if (property.format === 'quantity') {
    const bytes = bytesIn(value);
    if (bytes === undefined) throw invalid(field, 'must be a quantity such as 512Mi, 1.5Gi or 1000000');
    return bytes;
  }
  if (property.type === 'integer') {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw invalid(field, 'must be a whole number');
    return bounded(field, property, value);
  }
  if (property.type === 'boolean') {
    if (typeof value !== 'boolean') throw invalid(field, 'must be true or false');
    return value;
  }
  if (typeof value !== 'string' || value.length > 1024) throw invalid(field, 'must be a text of at most 1024 characters');
  const { pattern = '' } = property;
  if (!new RegExp(pattern).test(value)) throw invalid(field, `must match ${pattern}`);
  return value;
}

function read(category: Category, bag: ConfigBag): Values {
  const properties = PROPERTIES[category];
  for (const key of Object.keys(bag)) {
    if (!Object.hasOwn(properties, key)) throw invalid(key, `is not known; known are ${Object.keys(properties).join(', ') || 'none'}`);
  }
  const entries = Object.entries(properties).map(([key, property]): [string, string | number | boolean] => [
    key,
    valueOf(key, property, bag[key] ?? property.default),
  ]);
  return Object.fromEntries(entries);
}

/** A host's bag, checked; INVALID_ARGUMENT/CONFIG_INVALID with metadata.field. */
export function readHostConfig(bag: ConfigBag): HostConfig {
  const values = read('machine', bag);
  return {
    cpus: Number(values.cpus),
    memoryBytes: Number(values.memory),
    storageBytes: Number(values.storage),
    usedMemoryBytes: Number(values.memoryUsed),
    usedStorageBytes: Number(values.storageUsed),
    bootDelayMs: Number(values.bootDelayMs),
    stopDelayMs: Number(values.stopDelayMs),
    ignoreShutdown: values.ignoreShutdown === true,
    hostId: String(values.hostId),
    leaseMs: Number(values.leaseSeconds) * 1000,
  };
}

/** Refuses a power bag with anything in it: a simulated host is switched without. */
export function checkPowerConfig(bag: ConfigBag): void {
  read('power', bag);
}

function imagesIn(list: string): Readonly<Record<string, number>> {
  const images = list.split(',').filter((entry) => entry !== '');
  return Object.fromEntries(
    images.map((entry) => {
      const [name = '', size = '1Gi', ...rest] = entry.split(':');
      const bytes = bytesIn(size);
      if (!/^[a-z0-9][a-z0-9.-]*$/.test(name) || bytes === undefined || rest.length > 0)
        throw invalid('images', `has a wrong entry: ${entry}`);
      return [name, bytes];
    }),
  );
}

/** A pool's bag, checked; INVALID_ARGUMENT/CONFIG_INVALID with metadata.field. */
export function readPoolConfig(bag: ConfigBag): PoolConfig {
  const values = read('disk', bag);
  const hosts = String(values.reachableFrom)
    .split(',')
    .filter((host) => host !== '');
  return {
    capacityBytes: Number(values.capacity),
    copyBytesPerSecond: Math.max(Number(values.copyRate), 1),
    images: imagesIn(String(values.images)),
    reachableFrom: hosts.length === 0 ? undefined : hosts,
    poolId: String(values.poolId),
  };
}
