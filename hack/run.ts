import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '..');

/** How a program ended. */
export interface Ended {
  /** Its exit code, or -1 where a signal ended it or it could not be started. */
  readonly code: number;
  /** The first 64 MiB of each stream. */
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** Where it runs, if not in the project's folder. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Passes the program's output on as it comes, instead of keeping it. */
  readonly show?: boolean;
}

const LIMIT_BYTES = 64 << 20;

/** Runs a program to its end, without a shell and without input; never rejects for a bad exit. */
export async function run(command: string, args: readonly string[], options: RunOptions, signal: AbortSignal): Promise<Ended> {
  const out = options.show === true ? 'inherit' : 'pipe';
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', out, out],
    signal,
  });
  const kept: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  let bytes = 0;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= LIMIT_BYTES) kept[name].push(chunk);
    });
  }
  return new Promise((resolve) => {
    const end = (code: number, because = '') => {
      resolve({ code, stdout: Buffer.concat(kept.stdout).toString(), stderr: Buffer.concat(kept.stderr).toString() + because });
    };
    child.once('error', (error) => {
      end(-1, `${command}: ${error.message}\n`);
    });
    child.once('close', (code) => {
      end(code ?? -1);
    });
  });
}

/** The path of a program that npm installed. */
export function tool(name: string): string {
  return join(ROOT, 'node_modules/.bin', name);
}
