import { spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { DriverError } from '../contract/driver-error.ts';
import type { MachineSpec } from '../contract/machine.ts';
import type { Accelerator } from './accelerator.ts';
import { machineCommandLine, type ResolvedFiles } from './command-line.ts';
import { confinedFile } from './confined-file.ts';
import { withDeadline } from '../serve/deadline.ts';
import { checkDiskFile, isDiskInUse } from './disk-access.ts';
import { lookAtEngine } from './engine-facts.ts';
import type { HostEndpoint } from './host-endpoint.ts';
import { shortId } from './identity.ts';
import { writeMachine, type MachineFolder, type MachineRecord } from './machine-record.ts';
import type { KnownMachine } from './machine-settle.ts';
import { isAbsent } from '../serve/record-file.ts';
import { lastLine, PROGRAM_ENVIRONMENT } from '../serve/run-program.ts';
import { seedIso } from './seed-iso.ts';

const ENGINE = 'qemu-system-x86_64';
const START_MS = 8000;
const MAX_SERIAL_LOG_BYTES = 1024 * 1024;

async function writeSeed(spec: MachineSpec, folder: MachineFolder): Promise<string | undefined> {
  if (spec.userData === undefined) {
    await rm(folder.seed, { force: true });
    return undefined;
  }
  // Another instance id makes cloud-init run again: exactly when the user data is another.
  const instance = `${spec.owner.uid}-${shortId(spec.userData)}`;
  const metaData = `instance-id: ${instance}\nlocal-hostname: ${spec.owner.name}\n`;
  await writeFile(folder.seed, seedIso({ 'meta-data': metaData, 'user-data': spec.userData }), { mode: 0o600 });
  return folder.seed;
}

async function resolveFiles(host: HostEndpoint, spec: MachineSpec, folder: MachineFolder, signal: AbortSignal): Promise<ResolvedFiles> {
  const images = host.config.imagesDir;
  const image = (name: string, field: string): Promise<string> => confinedFile({ folder: images, name, field }, signal);
  const kernel = spec.boot === undefined ? undefined : await image(spec.boot.kernel, 'boot.kernel');
  const initrd = spec.boot?.initrd === undefined ? undefined : await image(spec.boot.initrd, 'boot.initrd');
  for (const disk of spec.disks) await checkDiskFile(disk, signal);
  const seed = await writeSeed(spec, folder);
  return {
    ...(kernel === undefined ? {} : { kernel }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** Moves a log that has grown too long aside, in place of the one before. */
export async function rotateSerialLog(folder: MachineFolder, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    if ((await stat(folder.serialLog)).size > MAX_SERIAL_LOG_BYTES) await rename(folder.serialLog, `${folder.serialLog}.1`);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

interface Launch {
  /** Resolves when the process ends. */
  readonly exited: Promise<number | null>;
}

async function launch(folder: MachineFolder, argv: readonly string[]): Promise<Launch> {
  const log = await open(folder.engineLog, 'w', 0o600);
  try {
    // A session of its own: the engine outlives whatever ends this process.
    const child = spawn(ENGINE, argv, { detached: true, stdio: ['ignore', 'ignore', log.fd], env: PROGRAM_ENVIRONMENT, cwd: folder.path });
    const exited = new Promise<number | null>((resolve, reject) => {
      child.on('exit', (code) => resolve(code));
      child.on('error', (cause) => reject(new DriverError('UNAVAILABLE', 'BACKEND', `${ENGINE} could not be started`, { cause })));
    });
    exited.catch(() => undefined);
    child.unref();
    return { exited };
  } finally {
    await log.close();
  }
}

async function untilItAnswers(
  host: HostEndpoint,
  machine: Omit<KnownMachine, 'facts'>,
  { exited }: Launch,
  signal: AbortSignal,
): Promise<KnownMachine> {
  const { clock } = host.options;
  let over = false;
  const ended = exited.then(() => (over = true));
  const poll = async (inner: AbortSignal): Promise<KnownMachine> => {
    for (;;) {
      const facts = await lookAtEngine(host, machine, inner);
      // After its end the last look counts: another driver process may have been first.
      if (facts.kind === 'answers' || over) return { ...machine, facts };
      await Promise.race([ended, clock.sleep(20, inner)]);
    }
  };
  return withDeadline(poll, { clock, ms: START_MS, what: 'the engine' }, signal);
}

async function startError(host: HostEndpoint, { folder, record }: Omit<KnownMachine, 'facts'>, signal: AbortSignal): Promise<DriverError> {
  for (const disk of record.spec.disks) {
    const path = disk.connection.attributes.path ?? '';
    if (await isDiskInUse(path, host.options.clock, signal)) {
      return new DriverError('FAILED_PRECONDITION', 'IN_USE', `disk ${disk.name} is held by another process`, {
        metadata: { uid: disk.uid },
      });
    }
  }
  const reason = lastLine(await readFile(folder.engineLog, 'utf8')).replaceAll(host.dir, '…');
  return new DriverError('INTERNAL', 'BACKEND', `the engine did not start: ${reason}`);
}

function begun(record: MachineRecord, accelerator: Accelerator, nowMs: number): MachineRecord {
  const { stop: _stop, ...rest } = record;
  return { ...rest, run: { spec: record.spec, accelerator, startedAtMs: nowMs, confirmed: false, detaching: [] } };
}

/**
 * Starts a machine that is settled and surely not running, from its description as it is now; the caller holds its lock. A failed start leaves it
 * stopped as before, and says the engine's last line.
 */
export async function startEngine(host: HostEndpoint, { folder, record }: KnownMachine, signal: AbortSignal): Promise<KnownMachine> {
  const { accelerator: wanted } = host.config;
  const accelerator = wanted === 'auto' ? await host.accelerator.find(signal) : wanted;
  const files = await resolveFiles(host, record.spec, folder, signal);
  await rotateSerialLog(folder, signal);
  // A guest's end kept this folder's sockets; the engine makes its own, and a connection must not meet the old ones.
  for (const path of [...folder.monitors, folder.serialSocket, folder.pidFile]) await rm(path, { force: true });
  const starting = begun(record, accelerator, host.options.clock.now());
  await writeMachine(folder, starting, signal);
  const argv = machineCommandLine(record.spec, { folder, files, accelerator });
  const running = await untilItAnswers(host, { folder, record: starting }, await launch(folder, argv), signal);
  if (running.facts.kind !== 'answers' || starting.run === undefined) {
    await writeMachine(folder, record, signal);
    throw await startError(host, { folder, record }, signal);
  }
  const confirmed: MachineRecord = { ...starting, run: { ...starting.run, confirmed: true } };
  await writeMachine(folder, confirmed, signal);
  host.changed(record.spec.owner.uid);
  return { folder, record: confirmed, facts: running.facts };
}
