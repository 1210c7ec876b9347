import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Operation } from '../contract/disk.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { Owner } from '../contract/fence.ts';
import type { SeenObject } from '../contract/fence-check.ts';
import { qemuImg, type ImageSource } from './disk-image.ts';
import { diskFolder, findDisk, writeDisk } from './disk-record.ts';
import { eventually } from '../serve/deadline.ts';
import { shortId } from './identity.ts';
import { isAlive, killProcess, processOf, type ProcessIdentity } from './machine-process.ts';
import type { FillRunner, PoolEndpoint } from './pool-endpoint.ts';
import { isAbsent, readRecord, writeRecord } from '../serve/record-file.ts';
import { PROGRAM_ENVIRONMENT } from '../serve/run-program.ts';

const KEEP_ENDED_MS = 24 * 60 * 60 * 1000;
const PROGRESS_EVERY_MS = 500;
const MAX_ATTEMPTS = 5;

/** A fill on record: `operations/<id>.json` in the pool's folder. It ends, whichever process drives the pool then. */
export interface FillRecord {
  readonly schema: 1;
  readonly id: string;
  readonly owner: Owner;
  readonly sizeBytes: number;
  readonly source: ImageSource;
  readonly fence: SeenObject;
  readonly state: Operation['state'];
  readonly attempts: number;
  readonly endedAtMs?: number;
  readonly error?: string;
  /** The converter of the running attempt. */
  readonly process?: ProcessIdentity;
}

function filesOf(poolDir: string, id: string): { readonly record: string; readonly progress: string } {
  const stem = join(poolDir, 'operations', shortId(id));
  return { record: `${stem}.json`, progress: `${stem}.progress` };
}

/** A new file for one attempt: a converter of an earlier one, which nobody knows any more, can not write into it. */
function newPart(poolDir: string, id: string): string {
  return join(poolDir, 'operations', `${shortId(id)}-${randomUUID().slice(0, 8)}.part`);
}

async function removeParts(poolDir: string, id: string): Promise<void> {
  const folder = join(poolDir, 'operations');
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${shortId(id)}-`)) await rm(join(folder, name), { force: true });
  }
}

/** The record of a fill, or undefined where there is none. */
export function readFill(poolDir: string, id: string, signal: AbortSignal): Promise<FillRecord | undefined> {
  return readRecord<FillRecord>(filesOf(poolDir, id).record, 1, signal);
}

/** Makes a fill's record durable, before what it says is done. */
export function writeFill(poolDir: string, fill: FillRecord, signal: AbortSignal): Promise<void> {
  return writeRecord(filesOf(poolDir, fill.id).record, fill, signal);
}

/** All fills on record; those that ended more than a day ago are forgotten here. */
export async function listFills(pool: PoolEndpoint, signal: AbortSignal): Promise<readonly FillRecord[]> {
  const folder = join(pool.dir, 'operations');
  const fills: FillRecord[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.json')) continue;
    const fill = await readRecord<FillRecord>(join(folder, name), 1, signal);
    if (fill === undefined) continue;
    if (fill.endedAtMs !== undefined && pool.options.clock.now() - fill.endedAtMs > KEEP_ENDED_MS)
      await rm(join(folder, name), { force: true });
    else fills.push(fill);
  }
  return fills;
}

/** The last percentage in the converter's own progress lines. */
export function parseProgress(text: string): number {
  const last = [...text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)].at(-1)?.[1];
  return last === undefined ? 0 : Math.min(100, Number(last));
}

/** The fill as an operation; while it runs, its progress is read from the converter's output. */
export async function operationOf(pool: PoolEndpoint, fill: FillRecord, signal: AbortSignal): Promise<Operation> {
  let percent = fill.state === 'succeeded' ? 100 : 0;
  if (fill.state === 'running') {
    const text = await readFile(filesOf(pool.dir, fill.id).progress, { encoding: 'utf8', signal }).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    // It has ended since its record was read, or has not begun to convert.
    const now = text === undefined ? await readFill(pool.dir, fill.id, signal) : undefined;
    if (now !== undefined && now.state !== 'running') return operationOf(pool, now, signal);
    // The converter's 100 is not the end: the image is still to be grown and moved into place.
    percent = Math.min(99, parseProgress(text ?? ''));
  }
  const bytesTotal = fill.source.sizeBytes;
  const { id, state } = fill;
  const bytesDone = Math.floor((bytesTotal * percent) / 100);
  return { id, uid: fill.owner.uid, state, percent, bytesDone, bytesTotal, ...(fill.error === undefined ? {} : { error: fill.error }) };
}

async function end(
  pool: PoolEndpoint,
  fill: FillRecord,
  how: { readonly state: Operation['state']; readonly error?: string },
  signal: AbortSignal,
): Promise<void> {
  const { process: _process, ...rest } = fill;
  const files = filesOf(pool.dir, fill.id);
  await removeParts(pool.dir, fill.id);
  await writeFill(pool.dir, { ...rest, ...how, endedAtMs: pool.options.clock.now() }, signal);
  // After the record: who finds it gone looks there again, and progress never falls.
  await rm(files.progress, { force: true });
  pool.changed(fill.owner.uid, 'operation');
}

async function convert(
  pool: PoolEndpoint,
  fill: FillRecord,
  part: string,
  signal: AbortSignal,
): Promise<'converted' | 'failed' | 'taken-over'> {
  const files = filesOf(pool.dir, fill.id);
  const progress = await open(files.progress, 'w', 0o600);
  const { format, path } = fill.source;
  const argv = ['convert', '-p', '-f', format, '-O', 'qcow2', path, part];
  // It outlives this process, and the next one finds it by the record.
  const child = spawn('qemu-img', argv, {
    detached: true,
    stdio: ['ignore', progress.fd, progress.fd],
    env: PROGRAM_ENVIRONMENT,
    cwd: '/',
  });
  const exited = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => resolve(code));
    child.on('error', () => resolve(-1));
  });
  child.unref();
  await progress.close();
  const process = child.pid === undefined ? undefined : processOf(child.pid);
  await writeFill(pool.dir, { ...fill, attempts: fill.attempts + 1, ...(process === undefined ? {} : { process }) }, signal);
  const tick = new AbortController();
  const ticking = tell(pool, fill, AbortSignal.any([tick.signal, signal]));
  try {
    const code = await Promise.race([exited, aborted(signal)]);
    if (code === 0) return 'converted';
    // Another driver process, started for an upgrade, has ended this converter to begin its own.
    const now = await readFill(pool.dir, fill.id, signal);
    return now?.process?.pid === process?.pid ? 'failed' : 'taken-over';
  } finally {
    tick.abort();
    await ticking;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

async function tell(pool: PoolEndpoint, fill: FillRecord, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      await pool.options.clock.sleep(PROGRESS_EVERY_MS, signal);
      pool.changed(fill.owner.uid, 'operation');
    }
  } catch {
    // Ended with the fill.
  }
}

async function putInPlace(pool: PoolEndpoint, fill: FillRecord, part: string, signal: AbortSignal): Promise<void> {
  if (fill.sizeBytes > fill.source.sizeBytes)
    await qemuImg(['resize', '-q', '-f', 'qcow2', part, String(fill.sizeBytes)], pool.options.clock, signal);
  const handle = await open(part, 'r');
  await handle.sync();
  await handle.close();
  const folder = diskFolder(pool.dir, fill.owner.uid);
  await writeDisk({ folder, record: { schema: 1, owner: fill.owner, released: false, fence: fill.fence, publishedTo: [] } }, signal);
  await rename(part, folder.image);
}

async function attempt(pool: PoolEndpoint, fill: FillRecord, signal: AbortSignal): Promise<void> {
  // Its exit code died with the process that started it, so what an orphan left is not trusted: end it, and begin again.
  if (fill.process !== undefined) killProcess(fill.process);
  if (fill.attempts >= MAX_ATTEMPTS) return end(pool, fill, { state: 'failed', error: `gave up after ${fill.attempts} attempts` }, signal);
  await removeParts(pool.dir, fill.id);
  const part = newPart(pool.dir, fill.id);
  const result = await convert(pool, fill, part, signal);
  if (result === 'taken-over') return;
  if (result === 'failed') return end(pool, fill, { state: 'failed', error: 'the image could not be converted' }, signal);
  await putInPlace(pool, fill, part, signal);
  await end(pool, fill, { state: 'succeeded' }, signal);
  pool.changed(fill.owner.uid, 'disk');
}

async function run(pool: PoolEndpoint, fill: FillRecord, cancel: AbortSignal): Promise<void> {
  const { life, log } = pool.options;
  try {
    if ((await findDisk(pool.dir, fill.owner.uid, life)) !== undefined) await end(pool, fill, { state: 'succeeded' }, life);
    else await attempt(pool, fill, AbortSignal.any([cancel, life]));
  } catch (error) {
    // The driver ends: the converter runs on, and the record stays `running` for the next one.
    if (life.aborted) return;
    const message = error instanceof DriverError ? error.message : 'the disk could not be filled';
    if (!cancel.aborted) log(`fill ${fill.id}: ${error instanceof Error ? error.message : 'failed'}`);
    await stopConverter(pool, fill.id, life);
    await end(pool, fill, cancel.aborted ? { state: 'cancelled' } : { state: 'failed', error: message }, life);
  }
}

async function stopConverter(pool: PoolEndpoint, id: string, signal: AbortSignal): Promise<void> {
  const { process } = (await readFill(pool.dir, id, signal)) ?? {};
  if (process === undefined) return;
  killProcess(process);
  await eventually(() => !isAlive(process), { clock: pool.options.clock, ms: 2000, everyMs: 10 }, signal);
}

/** Drives a fill whose record says `running` to its end, in the background; twice is once. */
export function driveFill(pool: PoolEndpoint, fill: FillRecord): FillRunner {
  const known = pool.fills.get(fill.id);
  if (known !== undefined) return known;
  const cancel = new AbortController();
  const ended = run(pool, fill, cancel.signal)
    .catch((error: unknown) => pool.options.log(`fill ${fill.id}: ${error instanceof Error ? error.message : 'failed'}`))
    .finally(() => pool.fills.delete(fill.id));
  const runner: FillRunner = { uid: fill.owner.uid, cancel, ended };
  pool.fills.set(fill.id, runner);
  return runner;
}

/** Takes up every fill that an earlier process left. */
export async function resumeFills(pool: PoolEndpoint, signal: AbortSignal): Promise<void> {
  for (const fill of await listFills(pool, signal)) {
    if (fill.state === 'running') driveFill(pool, fill);
    else await rm(filesOf(pool.dir, fill.id).progress, { force: true });
  }
}
