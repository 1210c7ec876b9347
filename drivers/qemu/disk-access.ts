import { realpath, stat } from 'node:fs/promises';
import { DriverError } from '../contract/driver-error.ts';
import type { Clock } from '../contract/clock.ts';
import type { MachineDisk } from '../contract/machine.ts';
import { fieldInvalid } from '../contract/names.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { isAbsent } from '../serve/record-file.ts';
import { runProgram } from '../serve/run-program.ts';

/**
 * Checks, before the engine opens it, that a disk's connection leads where it says: no link on the way, a regular file, a qcow2 image that
 * names no other file. INVALID_ARGUMENT, NOT_FOUND/DISK_NOT_FOUND or FAILED_PRECONDITION/OTHER_CONTENT.
 */
export async function checkDiskFile(disk: MachineDisk, signal: AbortSignal): Promise<void> {
  const path = disk.connection.attributes.path ?? '';
  try {
    if ((await realpath(path)) !== path)
      throw fieldInvalid(`disks[${disk.name}].connection.attributes.path`, 'must be the real path of the disk');
    if (!(await stat(path)).isFile()) throw fieldInvalid(`disks[${disk.name}].connection.attributes.path`, 'must be a regular file');
  } catch (error) {
    if (!isAbsent(error)) throw error;
    throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', `the file of disk ${disk.name} is not there`, { metadata: { uid: disk.uid } });
  }
  await readQcow2Header(path, signal);
}

/** Whether somebody holds the qcow2 file open: the engines' own locks say so, and a process that died holds none. */
export async function isDiskInUse(path: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const open = (argv: readonly string[], program: string): Promise<number | null> =>
    runProgram({ program, argv, clock, ms: 5000 }, signal).then((result) => result.code);
  // To open it for writing needs every lock; where that fails, opening it without locks tells a used disk from a broken one.
  if ((await open(['-f', 'qcow2', '-c', 'quit', path], 'qemu-io')) === 0) return false;
  if ((await open(['info', '-U', '-f', 'qcow2', path], 'qemu-img')) === 0) return true;
  throw new DriverError('INTERNAL', 'BACKEND', 'the disk can not be opened');
}
