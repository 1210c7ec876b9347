import { spawn } from 'node:child_process';
import { DriverError } from '../contract/driver-error.ts';
import type { Clock } from '../contract/clock.ts';
import { withDeadline } from './deadline.ts';

const MAX_OUTPUT_CHARACTERS = 256 * 1024;

/** The environment of every program that the driver starts: nothing of its own. */
export const PROGRAM_ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } as const;

export interface ProgramResult {
  /** null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bounded(text: string, chunk: string): string {
  return text.length >= MAX_OUTPUT_CHARACTERS ? text : text + chunk;
}

function runUntilExit(program: string, argv: readonly string[], signal: AbortSignal): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: PROGRAM_ENVIRONMENT,
      cwd: '/',
      signal,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout = bounded(stdout, chunk)));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr = bounded(stderr, chunk)));
    child.on('error', (cause) => {
      reject(
        signal.aborted ? (signal.reason as Error) : new DriverError('UNAVAILABLE', 'BACKEND', `${program} could not be started`, { cause }),
      );
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs a program with exactly these arguments (no shell) and gives its exit code and bounded output; at the deadline it is killed. */
export async function runProgram(
  { program, argv, clock, ms }: { readonly program: string; readonly argv: readonly string[]; readonly clock: Clock; readonly ms: number },
  signal: AbortSignal,
): Promise<ProgramResult> {
  return withDeadline((inner) => runUntilExit(program, argv, inner), { clock, ms, what: program }, signal);
}

/** The last line that says something: where programs put their reason. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim().slice(0, 500) ?? '';
}
