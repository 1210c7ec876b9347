import type { Category, ConfigBag, ConfigSchema } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { checkBag } from '../serve/config-bag.ts';

/** How the BMC of one host is reached. */
export interface BmcConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Bare name of a file in the folder `secrets` of the driver's state folder, whose first line is the password. */
  readonly passwordFile: string;
  readonly cipherSuite: number;
}

const SCHEMA: ConfigSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['host', 'user', 'passwordFile'],
  properties: {
    host: {
      type: 'string',
      label: 'BMC',
      description: 'Name or address of the BMC.',
      minLength: 1,
      maxLength: 253,
      pattern: '^[A-Za-z0-9:][A-Za-z0-9.:-]*$',
    },
    port: { type: 'integer', label: 'Port', description: 'UDP port of the BMC; 623.', minimum: 1, maximum: 65_535 },
    user: {
      type: 'string',
      label: 'User',
      description: 'A user of the BMC that may switch the host: the privilege OPERATOR is enough.',
      minLength: 1,
      maxLength: 16,
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@-]*$',
    },
    passwordFile: {
      type: 'string',
      label: 'Password file',
      description: "Name of a file in the folder secrets of the driver's state folder; its first line is the password of the user.",
      minLength: 1,
      maxLength: 128,
      pattern: '^[a-z0-9][a-z0-9.-]*$',
    },
    cipherSuite: {
      type: 'integer',
      label: 'Cipher suite',
      description: 'Of the session with the BMC; 3 (AES-128), which every BMC has, or 17.',
      minimum: 3,
      maximum: 17,
    },
  },
};

/** What the configuration bag of an endpoint of this category may hold. */
export function configSchemaOf(category: Category): ConfigSchema {
  if (category === 'power') return SCHEMA;
  throw new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', `the ipmi driver serves no ${category}`);
}

/** The BMC's configuration; INVALID_ARGUMENT/CONFIG_INVALID with metadata.field where the bag is wrong. */
export function parseBmcConfig(bag: ConfigBag): BmcConfig {
  checkBag(bag, SCHEMA);
  return { port: 623, cipherSuite: 3, ...(bag as unknown as Pick<BmcConfig, 'host' | 'user' | 'passwordFile'>) };
}
