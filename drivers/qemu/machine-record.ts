import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineSpec, StopCause } from '../contract/machine.ts';
import type { SeenObject } from '../contract/fence-check.ts';
import { shortId } from './identity.ts';
import { isAbsent, readRecord, writeRecord } from '../serve/record-file.ts';

/** Everything that the driver remembers of one machine; lies beside it, and is written before the driver acts. */
export interface MachineRecord {
  readonly schema: 1;
  /** The description as last ensured. */
  readonly spec: MachineSpec;
  readonly released: boolean;
  /** The highest fence that it was made to follow. */
  readonly fence: SeenObject;
  /** The run that has begun and whose end is not recorded. */
  readonly run?: MachineRun;
  /** The stop that was asked for in this run. */
  readonly stop?: StopRequest;
  /** How the run before ended. */
  readonly lastStopCause?: Exclude<StopCause, 'never-started'>;
}

export interface MachineRun {
  /** What the engine was started with, kept true by hot-plug. */
  readonly spec: MachineSpec;
  readonly accelerator: 'kvm' | 'tcg';
  readonly startedAtMs: number;
  /** False from before the engine is started until it has answered. */
  readonly confirmed: boolean;
  /** Uids of disks that the guest was asked to let go. */
  readonly detaching: readonly string[];
}

export interface StopRequest {
  readonly mode: 'graceful' | 'hard';
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
}

/** Where a machine's files lie; the socket paths are short, because the kernel takes 107 bytes. */
export interface MachineFolder {
  readonly path: string;
  readonly record: string;
  readonly pidFile: string;
  readonly monitors: readonly [string, string];
  readonly serialSocket: string;
  readonly serialLog: string;
  readonly seed: string;
  readonly engineLog: string;
}

/** The longest path below `hostDir` that must fit a socket address. */
export const LONGEST_SOCKET_SUFFIX = '/vm/123456789012/ser.sock';

/** Where a machine's files are, in its folder at `path`. */
export function folderAt(path: string): MachineFolder {
  return {
    path,
    record: join(path, 'record.json'),
    pidFile: join(path, 'pid'),
    monitors: [join(path, 'a.sock'), join(path, 'b.sock')],
    serialSocket: join(path, 'ser.sock'),
    serialLog: join(path, 'serial.log'),
    seed: join(path, 'seed.iso'),
    engineLog: join(path, 'engine.log'),
  };
}

/** The folder of the machine `uid` on the host whose folder is `hostDir`; its serial log is `serialLog` in it. */
export function machineFolder(hostDir: string, uid: string): MachineFolder {
  return folderAt(join(hostDir, 'vm', shortId(uid)));
}

/** The record in `folder`; undefined where no machine is. */
export function readMachine(folder: MachineFolder, signal: AbortSignal): Promise<MachineRecord | undefined> {
  return readRecord<MachineRecord>(folder.record, 1, signal);
}

/** Writes the record, making the folder when it is the first. */
export async function writeMachine(folder: MachineFolder, record: MachineRecord, signal: AbortSignal): Promise<void> {
  await mkdir(folder.path, { recursive: true, mode: 0o700 });
  await writeRecord(folder.record, record, signal);
}

/** The folders of all machines on the host. */
export async function listMachineFolders(hostDir: string, signal: AbortSignal): Promise<readonly MachineFolder[]> {
  signal.throwIfAborted();
  try {
    const names = await readdir(join(hostDir, 'vm'));
    return names.filter((name) => !name.startsWith('.')).map((name) => folderAt(join(hostDir, 'vm', name)));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Removes a machine's folder; it is gone at once, or still whole. */
export async function removeMachine(hostDir: string, folder: MachineFolder, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const doomed = join(hostDir, 'vm', `.gone-${randomUUID()}`);
  try {
    await rename(folder.path, doomed);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  await rm(doomed, { recursive: true, force: true });
}

/** Removes what a removal left that was cut short. */
export async function sweepRemoved(hostDir: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const vm = join(hostDir, 'vm');
  for (const name of await readdir(vm)) {
    if (name.startsWith('.gone-')) await rm(join(vm, name), { recursive: true, force: true });
  }
}
