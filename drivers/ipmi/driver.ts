import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { CONTRACT_VERSION } from '../contract/driver.ts';
import type { Driver } from '../contract/driver.ts';
import { createEventHub } from '../contract/event-hub.ts';
import { createKeyedLock } from '../contract/keyed-lock.ts';
import { checkFence } from '../contract/names.ts';
import { runProgram } from '../serve/run-program.ts';
import { configSchemaOf } from './config.ts';
import { createPowerService } from './power.ts';
import { createPowerSessions } from './sessions.ts';

export interface IpmiDriverOptions {
  /** Absolute, and the driver's own; passwords lie in its folder `secrets`. */
  readonly stateDir: string;
  readonly clock: Clock;
  /** When it aborts, watches end. */
  readonly life: AbortSignal;
}

const VERSION = '0.1.0';
const VERSION_MS = 2000;

/** Host power by BMCs that speak IPMI 2.0, through ipmitool: the proof that a host is off. */
export function createIpmiDriver({ stateDir, clock, life }: IpmiDriverOptions): Driver {
  const hub = createEventHub();
  const sessions = createPowerSessions(stateDir, clock);
  const instance = randomUUID();
  return {
    identity: {
      getInfo: () =>
        Promise.resolve({ name: 'ipmi', version: VERSION, instance, contractVersions: [CONTRACT_VERSION], categories: ['power'] }),
      getCapabilities: () => Promise.resolve([]),
      getConfigSchema: (category) => Promise.resolve().then(() => configSchemaOf(category)),
      async probe(signal) {
        const found = await runProgram({ program: 'ipmitool', argv: ['-V'], clock, ms: VERSION_MS }, signal).catch(() => undefined);
        return found?.code === 0 ? { ready: true } : { ready: false, reason: 'ipmitool is not installed' };
      },
    },
    session: {
      async open(endpoint, config, fence, signal) {
        checkFence('fence', fence);
        return { session: await sessions.open(endpoint, config, signal) };
      },
      close(session) {
        sessions.close(session);
        return Promise.resolve();
      },
      drain(session) {
        sessions.drain(session);
        return Promise.resolve();
      },
    },
    power: createPowerService((context) => sessions.find(context), createKeyedLock(), clock),
    watch: (signal) => hub.watch(AbortSignal.any([signal, life])),
  };
}
