import { CONTRACT_VERSION } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';

/** What the first line of a driver's stdout says. */
export interface Handshake {
  readonly versions: readonly string[];
  readonly network: 'unix' | 'tcp';
  readonly address: string;
  readonly name: string;
  readonly version: string;
}

/** The longest first line that is read. */
export const MAX_HANDSHAKE_BYTES = 1024;

const LINE = /^1\|([a-z0-9,]+)\|(unix|tcp)\|([^|]+)\|grpc\|([a-z0-9][a-z0-9.-]*)\/([^|/\s]+)$/;

/** Reads `1|VERSION[,VERSION]|unix|PATH|grpc|NAME/VERSION`; UNAVAILABLE/BACKEND for anything else, and for contract versions without ours. */
export function readHandshake(program: string, line: string): Handshake {
  const match = LINE.exec(line);
  const [, versions = '', network, address = '', name = '', version = ''] = match ?? [];
  if (network !== 'unix' && network !== 'tcp') {
    const shown = JSON.stringify(line.slice(0, 80));
    throw new DriverError('UNAVAILABLE', 'BACKEND', `${program} did not begin with a handshake but with ${shown}`);
  }
  const spoken = versions.split(',');
  if (!spoken.includes(CONTRACT_VERSION)) {
    throw new DriverError('UNAVAILABLE', 'BACKEND', `${program} speaks the contract ${versions}, and we speak ${CONTRACT_VERSION}`);
  }
  return { versions: spoken, network, address, name, version };
}
