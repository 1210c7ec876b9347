import type { Clock } from '../contract/clock.ts';
import type { DriverInfo } from '../contract/driver.ts';
import { CONTRACT_VERSION } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { DRIVER_CALLS } from '../contract/wire/driver.ts';
import type { Channel } from './channel.ts';

/** One live connection to one driver process. */
export interface Link {
  readonly channel: Channel;
  readonly info: DriverInfo;
  /** Of the process, where it is ours. */
  readonly pid: number | undefined;
  /** Resolves, with a sentence, when the process or the connection is gone; it does not come back. */
  readonly down: Promise<string>;
  /** Ends the connection, and the process where it is ours. */
  stop(): Promise<void>;
}

const MISSES = 3;
const CONNECT_MS = 10_000;

/** Connects and asks who answers; UNAVAILABLE where nobody does, or where it speaks another contract. */
export async function greet(channel: Channel, signal: AbortSignal): Promise<DriverInfo> {
  await channel.ready(CONNECT_MS, signal);
  const info = await channel.call(DRIVER_CALLS.identity.getInfo, [], CONNECT_MS, signal);
  if (!info.contractVersions.includes(CONTRACT_VERSION)) {
    const spoken = info.contractVersions.join(', ');
    throw new DriverError(
      'UNAVAILABLE',
      'BACKEND',
      `the driver ${info.name} speaks the contract ${spoken}, and we speak ${CONTRACT_VERSION}`,
    );
  }
  return info;
}

/** Resolves, with a sentence, when `info`'s process has not answered three probes in a row, each within `everyMs`, or another one answers in its place. */
export async function untilSilent(channel: Channel, info: DriverInfo, everyMs: number, clock: Clock, signal: AbortSignal): Promise<string> {
  let misses = 0;
  while (misses < MISSES) {
    await clock.sleep(everyMs, signal);
    try {
      const { instance } = await channel.call(DRIVER_CALLS.identity.getInfo, [], everyMs, signal);
      if (instance !== info.instance) return 'another process answers at its address';
      misses = 0;
    } catch (error) {
      if (signal.aborted) throw error;
      misses += 1;
    }
  }
  return `it did not answer ${MISSES} probes`;
}
