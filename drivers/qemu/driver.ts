import { randomUUID } from 'node:crypto';
import { CONTRACT_VERSION, type Capability, type Driver } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import { createEventHub } from '../contract/event-hub.ts';
import { checkFence } from '../contract/names.ts';
import { configSchemaOf } from './config.ts';
import { createDiskService, createOperationService } from './disk-service.ts';
import { createEndpoints } from './endpoints.ts';
import type { QemuDriverOptions } from './environment.ts';
import { createMachineService } from './machine-service.ts';
import { engineVersion, observeHost, observePool } from './observe.ts';

const VERSION = '0.1.0';
const CAPABILITIES: readonly Capability[] = [
  'machine.attach-disk',
  'machine.grow-disk',
  'machine.user-data',
  'machine.boot-kernel',
  'machine.boot-disk',
  'machine.interface.user',
  'disk.import',
  'disk.clone',
  'disk.adopt',
  'disk-protocol.file-qcow2',
];

/**
 * Real machines by qemu-system-x86_64 and real qcow2 disks by qemu-img, on this machine. Everything that must survive lies in `stateDir`;
 * the driver may be dropped (`life`) and made again at any moment, and machines run on.
 */
export function createQemuDriver(options: QemuDriverOptions): Driver {
  const hub = createEventHub();
  const endpoints = createEndpoints(options, hub);
  const instance = randomUUID();
  let version: string | undefined;
  const findVersion = async (signal: AbortSignal): Promise<string | undefined> => (version ??= await engineVersion({ options }, signal));
  return {
    identity: {
      getInfo: () =>
        Promise.resolve({
          name: 'qemu',
          version: VERSION,
          instance,
          contractVersions: [CONTRACT_VERSION],
          categories: ['machine', 'disk'],
        }),
      getCapabilities: () => Promise.resolve(CAPABILITIES),
      getConfigSchema: (category) => Promise.resolve().then(() => configSchemaOf(category)),
      async probe(signal) {
        const found = await findVersion(signal).catch(() => undefined);
        return found === undefined ? { ready: false, reason: 'qemu-system-x86_64 is not installed' } : { ready: true };
      },
    },
    session: {
      async open(endpoint, config, fence, signal) {
        checkFence('fence', fence);
        return { session: await endpoints.open(endpoint, config, signal) };
      },
      close(session) {
        endpoints.close(session);
        return Promise.resolve();
      },
      drain(session) {
        endpoints.drain(session);
        return Promise.resolve();
      },
    },
    host: {
      observe: async (context, signal) => observeHost(endpoints.host(context), await findVersion(signal), signal),
      // A lease that only this process kept would be none: frozen or killed, it stops no machine.
      renew: () => Promise.reject(new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', 'this driver does not have host.lease')),
    },
    machine: createMachineService((context) => endpoints.host(context)),
    pool: { observe: async (context, signal) => observePool(endpoints.pool(context), signal) },
    disk: createDiskService((context) => endpoints.pool(context)),
    operation: createOperationService((context) => endpoints.pool(context)),
    watch: (signal) => hub.watch(AbortSignal.any([signal, options.life])),
  };
}
