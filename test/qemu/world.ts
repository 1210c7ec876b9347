import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../drivers/contract/clock.ts';
import type { DiskService, OperationService } from '../../drivers/contract/disk.ts';
import type { ConfigBag, Driver } from '../../drivers/contract/driver.ts';
import type { Fence, MutationContext, Owner } from '../../drivers/contract/fence.ts';
import type { Machine, MachineDisk, MachineService, MachineSpec } from '../../drivers/contract/machine.ts';
import { createQemuDriver } from '../../drivers/qemu/driver.ts';
import { findEngine, killProcess } from '../../drivers/qemu/machine-process.ts';
import { listMachineFolders, machineFolder, type MachineFolder } from '../../drivers/qemu/machine-record.ts';

/** The wall clock. */
export const CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal });
  },
};

export const NEVER = new AbortController().signal;
export const FENCE: Fence = { installation: 'here', shard: 'global', incarnation: 1, epoch: 1, generation: 1, placementEpoch: 1 };

/** One driver with one host and one pool open. */
export interface QemuWorld {
  readonly driver: Driver;
  readonly machine: MachineService;
  readonly disk: DiskService;
  readonly operation: OperationService;
  readonly host: MutationContext;
  readonly pool: MutationContext;
  readonly log: string[];
  /** Ends the driver as its death would: nothing is told to any machine. */
  end(): void;
}

/** A folder of its own for one test file, which `dispose` removes with every engine in it. */
export async function newState(): Promise<{ readonly root: string; dispose(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'lq-'));
  return {
    root,
    async dispose() {
      for (const host of await readdir(join(root, 'hosts')).catch(() => [])) {
        for (const folder of await listMachineFolders(join(root, 'hosts', host), NEVER)) {
          const engine = findEngine(folder.pidFile);
          if (engine !== undefined) killProcess(engine);
        }
      }
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A driver on the state in `root`: the second on the same state is what a restart is. */
export async function openWorld(root: string, hostConfig: ConfigBag = {}, clock: Clock = CLOCK): Promise<QemuWorld> {
  const life = new AbortController();
  const log: string[] = [];
  const driver = createQemuDriver({ stateDir: root, clock, log: (message) => log.push(message), life: life.signal });
  const { machine, disk, operation } = driver;
  if (machine === undefined || disk === undefined || operation === undefined) throw new Error('the driver lacks a service');
  const open = async (category: 'machine' | 'disk', name: string, config: ConfigBag): Promise<MutationContext> => {
    const { session } = await driver.session.open({ category, uid: `uid-${name}`, name, address: '' }, config, FENCE, NEVER);
    return { session, fence: FENCE, trace: 't', cause: 'test' };
  };
  const host = await open('machine', 'host-a', { accelerator: 'tcg', ...hostConfig });
  return {
    driver,
    machine,
    disk,
    operation,
    host,
    pool: await open('disk', 'pool-a', {}),
    log,
    end: () => {
      life.abort();
    },
  };
}

export function ownerOf(uid: string, kind = 'VirtualMachine'): Owner {
  return { installation: FENCE.installation, kind, namespace: 'default', name: uid, uid };
}

/** A disk that exists and is published to the host, as a machine's description names it. */
export async function newDisk(world: QemuWorld, uid: string, sizeBytes: number): Promise<MachineDisk> {
  await world.disk.ensure(world.pool, { owner: ownerOf(uid, 'Volume'), sizeBytes }, NEVER);
  const connection = await world.disk.publish(world.pool, { uid, hostId: 'host-a' }, NEVER);
  return { name: uid, uid, readOnly: false, connection };
}

/** The smallest machine: firmware only, which ignores its power button and never lets a disk go. */
export function firmwareOnly(uid: string, disks: readonly MachineDisk[] = []): MachineSpec {
  return { owner: ownerOf(uid), cpus: 1, memoryBytes: 32 * 2 ** 20, disks, interfaces: [] };
}

export function folderOf(root: string, uid: string): MachineFolder {
  return machineFolder(join(root, 'hosts', 'host-a'), uid);
}

/** The pid of the machine's engine; throws where none lives. */
export function pidOf(root: string, uid: string): number {
  const engine = findEngine(folderOf(root, uid).pidFile);
  if (engine === undefined) throw new Error(`${uid} has no engine`);
  return engine.pid;
}

/** Waits for `found` to give something; throws after `ms`. */
export async function waitFor<T>(what: string, found: () => Promise<T | undefined> | T | undefined, ms = 15_000): Promise<T> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const value = await found();
    if (value !== undefined) return value;
    await sleep(25);
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

export async function waitForPower(world: QemuWorld, uid: string, power: Machine['power'], ms?: number): Promise<Machine> {
  const look = async (): Promise<Machine | undefined> => {
    const machine = await world.machine.get(world.host, uid, NEVER);
    return machine?.power === power ? machine : undefined;
  };
  return waitFor(`${uid} to be ${power}`, look, ms);
}

export async function serialLog(root: string, uid: string): Promise<string> {
  return readFile(folderOf(root, uid).serialLog, 'utf8').catch(() => '');
}

/** Waits for the nth match of `pattern` in what the guest wrote. */
export async function waitForSerial(root: string, uid: string, pattern: RegExp, nth = 1): Promise<RegExpMatchArray> {
  return waitFor(
    `${String(pattern)} on the console`,
    async () => [...(await serialLog(root, uid)).matchAll(new RegExp(pattern, 'g'))][nth - 1],
  );
}

/** Runs a command in the guest through its console; resolves when the console took it. */
export async function tellGuest(root: string, uid: string, command: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(folderOf(root, uid).serialSocket, () => {
      socket.end(`${command}\n`);
    });
    socket.on('error', reject).on('close', () => resolve());
    socket.resume();
  });
}
