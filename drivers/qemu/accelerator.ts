import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../contract/clock.ts';
import { MACHINE_TYPE, escapeCommas } from './command-line.ts';
import { PROGRAM_ENVIRONMENT } from '../serve/run-program.ts';
import { isAbsent } from '../serve/record-file.ts';

const PROBE_MS = 5000;
const MARKER = 'LENTICULAR-KVM';
const IMAGE_BYTES = 1024 * 1024;

export type Accelerator = 'kvm' | 'tcg';

/** Which accelerator machines get. */
export interface AcceleratorProbe {
  /** What is known so far; undefined before the probe has ended. */
  known(): Accelerator | undefined;
  /** Probes once in this process's life, whoever asks. */
  find(signal: AbortSignal): Promise<Accelerator>;
}

/** A boot sector that writes the marker to the first serial port and halts. */
function bootSector(): Buffer {
  const bytes = Buffer.alloc(IMAGE_BYTES);
  const code = [0xba, 0xf8, 0x03, ...[...Buffer.from(`${MARKER}\n`)].flatMap((character) => [0xb0, character, 0xee]), 0xf4, 0xeb, 0xfd];
  Buffer.from(code).copy(bytes);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

async function bootsUnderKvm(program: string, folder: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const image = join(folder, 'boot.raw');
  const output = join(folder, 'serial');
  await writeFile(image, bootSector());
  await writeFile(output, '');
  const file = { driver: 'file', filename: image, 'read-only': true };
  const argv = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-M', MACHINE_TYPE, '-accel', 'kvm', '-cpu', 'host', '-m', '16M'],
    ...['-chardev', `file,id=s,path=${escapeCommas(output)}`, '-serial', 'chardev:s'],
    ...['-blockdev', JSON.stringify({ driver: 'raw', 'node-name': 'b', 'read-only': true, file })],
    ...['-device', JSON.stringify({ driver: 'virtio-blk-pci', drive: 'b', bootindex: 1 })],
  ];
  const child = spawn(program, argv, { stdio: 'ignore', env: PROGRAM_ENVIRONMENT, cwd: '/' });
  const ended = new AbortController();
  child.on('error', () => ended.abort());
  child.on('exit', () => ended.abort());
  try {
    const end = clock.monotonic() + PROBE_MS;
    while (!ended.signal.aborted && clock.monotonic() < end) {
      if ((await readFile(output, 'utf8')).includes(MARKER)) return true;
      await clock.sleep(50, signal);
    }
    return false;
  } finally {
    child.kill('SIGKILL');
  }
}

async function probe(stateDir: string, program: string, clock: Clock, signal: AbortSignal): Promise<Accelerator> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(stateDir, 'probe-'));
  try {
    return (await bootsUnderKvm(program, folder, clock, signal)) ? 'kvm' : 'tcg';
  } catch (error) {
    if (signal.aborted || !isAbsent(error)) throw error;
    return 'tcg';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Finds out by booting something whether KVM works: that /dev/kvm is there proves nothing. A boot that does not print within 5 s is TCG.
 * `life` ends a probe that still runs.
 */
export function createAcceleratorProbe(
  { stateDir, program, clock }: { readonly stateDir: string; readonly program: string; readonly clock: Clock },
  life: AbortSignal,
): AcceleratorProbe {
  let known: Accelerator | undefined;
  let running: Promise<Accelerator> | undefined;
  return {
    known: () => known,
    async find(signal) {
      running ??= probe(stateDir, program, clock, life).then((found) => (known = found));
      // A probe that failed (no space, for example) is tried again by the next who asks.
      running.catch(() => (running = undefined));
      signal.throwIfAborted();
      return running;
    },
  };
}
