import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import type { HostObservation, PoolObservation } from '../contract/driver.ts';
import { viewsOf } from './disk-service.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { listMachines } from './machine-service.ts';
import type { PoolEndpoint } from './pool-endpoint.ts';
import { runProgram } from '../serve/run-program.ts';

function machineId(): string {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id', '/proc/sys/kernel/hostname']) {
    try {
      const text = readFileSync(path, 'utf8').trim();
      if (text !== '') return text;
    } catch {
      // The next one.
    }
  }
  return 'unknown';
}

/** A stable id of one folder on this machine: the same host or pool however often, and under whatever name, it is opened. */
export function placeId(kind: 'host' | 'pool', dir: string): string {
  return createHash('sha256').update(`${kind}\n${machineId()}\n${dir}`).digest('hex').slice(0, 32);
}

/** The installed engine's version; undefined where there is none. */
export async function engineVersion(host: Pick<HostEndpoint, 'options'>, signal: AbortSignal): Promise<string | undefined> {
  const program = 'qemu-system-x86_64';
  const { code, stdout } = await runProgram({ program, argv: ['--version'], clock: host.options.clock, ms: 3000 }, signal);
  return code === 0 ? /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1] : undefined;
}

/** What is true of the host now; `version` is the engine's, found once. */
export async function observeHost(host: HostEndpoint, version: string | undefined, signal: AbortSignal): Promise<HostObservation> {
  const { config } = host;
  const [machines, disk] = await Promise.all([listMachines(host, signal), statfs(host.dir)]);
  const memoryBytes = Math.min(config.memoryBytes ?? Infinity, totalmem());
  const accelerator = config.accelerator === 'auto' ? host.accelerator.known() : config.accelerator;
  return {
    hostId: placeId('host', host.dir),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    cpus: Math.min(config.cpus ?? Infinity, availableParallelism()),
    memoryBytes,
    storageBytes: disk.blocks * disk.bsize,
    freeMemoryBytes: Math.min(freemem(), memoryBytes),
    freeStorageBytes: disk.bavail * disk.bsize,
    facts: { ...(version === undefined ? {} : { qemu: version }), ...(accelerator === undefined ? {} : { accelerator }) },
    machines,
  };
}

/** What is true of the pool now. */
export async function observePool(pool: PoolEndpoint, signal: AbortSignal): Promise<PoolObservation> {
  const [disks, disk] = await Promise.all([viewsOf(pool, signal), statfs(pool.dir)]);
  const used = disks.reduce((sum, { actualSizeBytes }) => sum + actualSizeBytes, 0);
  // Somebody else's files on the same file system take room too: what is left, and what is ours.
  const room = used + disk.bavail * disk.bsize;
  return {
    poolId: placeId('pool', pool.dir),
    capacityBytes: Math.min(pool.config.capacityBytes ?? Infinity, room),
    usedBytes: used,
    disks,
    protocols: ['file-qcow2'],
  };
}
