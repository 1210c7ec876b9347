import { stat } from 'node:fs/promises';
import type { Clock } from '../contract/clock.ts';
import { DriverError } from '../contract/driver-error.ts';
import { confinedFile } from './confined-file.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { lastLine, runProgram } from '../serve/run-program.ts';

const SECTOR = 512;
const QEMU_IMG_MS = 8000;

/** An image that may be read: a real path, its format by the operator's file name, and what a guest would see of it. */
export interface ImageSource {
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly sizeBytes: number;
}

/** The size in whole sectors. */
export function wholeSectors(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SECTOR) * SECTOR;
}

/** Runs a short qemu-img command; INTERNAL/BACKEND with its last line where it fails. */
export async function qemuImg(argv: readonly string[], clock: Clock, signal: AbortSignal): Promise<void> {
  const { code, stderr } = await runProgram({ program: 'qemu-img', argv, clock, ms: QEMU_IMG_MS }, signal);
  if (code === 0) return;
  // Its messages quote the file's path, which is nobody's business but the operator's.
  throw new DriverError('INTERNAL', 'BACKEND', `qemu-img ${argv[0] ?? ''} failed: ${lastLine(stderr).replaceAll(/\/\S+/g, '…')}`);
}

/** The image `name` of the operator's folder: `.qcow2` or `.raw` by its name, never by its bytes; one that leans on another file is refused. */
export async function findImage(folder: string, name: string, signal: AbortSignal): Promise<ImageSource> {
  const path = await confinedFile({ folder, name, field: 'image' }, signal);
  if (path.endsWith('.raw')) return { path, format: 'raw', sizeBytes: wholeSectors((await stat(path)).size) };
  if (path.endsWith('.qcow2')) return { path, format: 'qcow2', sizeBytes: (await readQcow2Header(path, signal)).virtualSizeBytes };
  throw new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', 'image: must be a file whose name ends in .qcow2 or .raw', {
    metadata: { field: 'image' },
  });
}
