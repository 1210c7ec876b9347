import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import type { Clock } from '../contract/clock.ts';
import { DriverError } from '../contract/driver-error.ts';
import { openChannel } from './channel.ts';
import { MAX_HANDSHAKE_BYTES, readHandshake } from './handshake.ts';
import type { Handshake } from './handshake.ts';
import { limitLines, readLines } from './lines.ts';
import type { LogLine } from './lines.ts';
import { greet, untilSilent } from './link.ts';
import type { Link } from './link.ts';

/** A driver program and where it may keep things. */
export interface ProgramToStart {
  readonly name: string;
  /** Started without a shell, with `args` and then `--listen unix:PATH --state-dir DIR --exit-with-stdin`. */
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly stateDir: string;
  /** Where it starts; its state folder where this is absent. */
  readonly cwd?: string;
  /** Short, because a socket's path has at most 107 bytes. */
  readonly socketDir: string;
  readonly log: (line: LogLine) => void;
  readonly clock: Clock;
  /** How long the program may take to its handshake. */
  readonly handshakeMs: number;
  readonly probeMs: number;
}

const MAX_SOCKET_PATH = 107;
const STOP_STEP_MS = 1500;

function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}

function socketIn({ name, socketDir }: ProgramToStart): string {
  const path = join(socketDir, `${name}-${randomBytes(4).toString('hex')}.sock`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new DriverError(
      'UNAVAILABLE',
      'BACKEND',
      `the socket folder ${socketDir} is too long: a socket's path has at most ${MAX_SOCKET_PATH} bytes`,
    );
  }
  return path;
}

/** Resolves, with a sentence, when the process has ended; never rejects. */
function exitOf(child: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
    child.once('exit', (code, signal) => resolve(signal === null ? `it ended with code ${code ?? 0}` : `it was ended by ${signal}`));
  });
}

/** Sends stdout's first line to `onFirst`, everything after it and all of stderr to the log. */
function follow(child: ChildProcessWithoutNullStreams, { name, log, clock }: ProgramToStart, onFirst: (line: string) => void): void {
  let first = true;
  const stdout = limitLines(clock, (text) => log({ driver: name, stream: 'stdout', text }));
  readLines(child.stdout, (text) => {
    if (!first) return stdout(text);
    first = false;
    onFirst(text.slice(0, MAX_HANDSHAKE_BYTES));
  });
  readLines(
    child.stderr,
    limitLines(clock, (text) => log({ driver: name, stream: 'stderr', text })),
  );
}

/** Asks by closing stdin, then by SIGTERM, then does not ask; one that never served has nothing to end, and is not asked. */
async function stopProcess(child: ChildProcessWithoutNullStreams, exited: Promise<string>, clock: Clock, served: boolean): Promise<void> {
  const kind = [() => child.stdin.end(), () => child.kill('SIGTERM')];
  const kill = (): boolean => child.kill('SIGKILL');
  const done = new AbortController();
  void exited.then(() => done.abort());
  for (const step of served ? [...kind, kill] : [kill]) {
    if (done.signal.aborted) break;
    step();
    await clock.sleep(STOP_STEP_MS, done.signal).catch(() => undefined);
  }
  await exited;
}

async function firstLine(
  lines: Promise<string>,
  exited: Promise<string>,
  program: ProgramToStart,
  signal: AbortSignal,
): Promise<Handshake> {
  const heard = new AbortController();
  const late = program.clock.sleep(program.handshakeMs, AbortSignal.any([signal, heard.signal])).then(() => {
    throw new DriverError('UNAVAILABLE', 'BACKEND', `the driver ${program.name} said nothing for ${program.handshakeMs} ms`);
  });
  const ended = exited.then((how) => {
    throw new DriverError('UNAVAILABLE', 'BACKEND', `the driver ${program.name} gave no handshake: ${how}`);
  });
  try {
    return readHandshake(`the driver ${program.name}`, await Promise.race([lines, late, ended]));
  } finally {
    heard.abort(new Error('heard'));
  }
}

/** Starts the program and greets it. UNAVAILABLE, with nothing left running, where that fails. */
export async function startProgram(program: ProgramToStart, signal: AbortSignal): Promise<Link> {
  privateFolder(program.socketDir);
  mkdirSync(program.stateDir, { recursive: true, mode: 0o700 });
  const socket = socketIn(program);
  const args = [...program.args, '--listen', `unix:${socket}`, '--state-dir', program.stateDir, '--exit-with-stdin'];
  const child = spawn(program.command, args, { env: program.env, cwd: program.cwd ?? program.stateDir, stdio: 'pipe', shell: false });
  // A driver that ended does not read any more; its exit says so.
  child.stdin.on('error', () => undefined);
  const exited = exitOf(child);
  const lines = new Promise<string>((resolve) => follow(child, program, resolve));
  const ending = new AbortController();
  const target = `unix:${socket}`;
  const channel = openChannel(target, credentials.createInsecure(), () => program.clock.now());
  const stop = async (served: boolean): Promise<void> => {
    ending.abort(new Error('stopped'));
    channel.close();
    await stopProcess(child, exited, program.clock, served);
    rmSync(socket, { force: true });
  };
  try {
    const starting = AbortSignal.any([signal, ending.signal]);
    const { address } = await firstLine(lines, exited, program, starting);
    if (address !== socket)
      throw new DriverError('UNAVAILABLE', 'BACKEND', `the driver ${program.name} listens at ${address}, not where it was told`);
    const info = await greet(channel, starting);
    const silent = untilSilent(channel, info, program.probeMs, program.clock, ending.signal).catch(() => 'it was stopped');
    return { channel, info, pid: child.pid, stop: () => stop(true), down: Promise.race([exited, silent]) };
  } catch (error) {
    await stop(false);
    throw error;
  }
}
