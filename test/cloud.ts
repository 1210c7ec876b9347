import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pathOf } from './prerequisites.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** As `npm start` sets it; the sizes of the heap in `launch` are its own too. */
export const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/compile');

/** What a program printed and how it ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `cloudd up` in a process of its own, with a data folder of its own. */
export interface Cloud {
  readonly dataDir: string;
  readonly kubeconfig: string;
  /** The pid of cloudd. */
  pid(): number;
  /** Everything that cloudd has printed so far. */
  output(): string;
  /** Runs kubectl against it; never rejects. */
  kubectl(...args: readonly string[]): Promise<Outcome>;
  /** Runs kubectl with text on standard input. */
  kubectlWith(stdin: string, ...args: readonly string[]): Promise<Outcome>;
  cloudctl(...args: readonly string[]): Promise<Outcome>;
  cloudctlWith(stdin: string, ...args: readonly string[]): Promise<Outcome>;
  /** Ends cloudd as Ctrl-C does, and waits for it. */
  interrupt(): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts cloudd again on the same data folder. */
  start(...args: readonly string[]): Promise<void>;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

/** Runs a program to its end; never rejects. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { env: { ...process.env, ...options.env }, timeout: options.timeoutMs ?? 60_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined); // It ended before it had read everything.
    child.stdin?.end(options.stdin ?? '');
  });
}

/** Resolves with the first value that is not undefined; rejects after `timeoutMs`, naming `what`. */
export async function eventually<T>(what: string, timeoutMs: number, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${String(timeoutMs)} ms`);
    await delay(100);
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output: string;
}

function launch(dataDir: string, args: readonly string[]): Running {
  const node = ['--max-semi-space-size=8', '--disable-warning=ExperimentalWarning'];
  const argv = [...node, 'cmd/cloudd/main.ts', 'up', '--data-dir', dataDir, '--port', '0', ...args];
  const child = spawn(process.execPath, argv, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', NODE_COMPILE_CACHE: COMPILE_CACHE },
  });
  const running: Running = {
    child,
    output: '',
    ended: new Promise((resolve) => {
      child.once('exit', resolve);
    }),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      running.output += bytes.toString();
    });
  }
  return running;
}

/** Resolves when cloudd says that it serves. */
async function serving(running: Running): Promise<void> {
  await eventually(`cloudd serves:\n${running.output}`, 60_000, () => {
    if (running.child.exitCode !== null) throw new Error(`cloudd ended:\n${running.output}`);
    return /^Serving https:/m.test(running.output) || undefined;
  });
}

/** Starts `cloudd up` on an empty data folder, with `--sample none` unless `args` says otherwise. */
export async function startCloud(...args: readonly string[]): Promise<Cloud> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lenticular-'));
  const kubeconfig = join(dataDir, 'kubeconfig');
  const first = args.includes('--sample') ? args : ['--sample', 'none', ...args];
  let running = launch(dataDir, first);
  await serving(running);
  // A sample is applied after cloudd serves: what is to type next is said when that is done.
  if (!first.includes('none'))
    await eventually('the sample is applied', 120_000, () => running.output.includes('Next, in another terminal') || undefined);
  const env = { KUBECONFIG: kubeconfig, HOME: dataDir, NO_COLOR: '1', NODE_COMPILE_CACHE: COMPILE_CACHE };
  const cloudctl = (stdin: string, words: readonly string[]): Promise<Outcome> =>
    run(process.execPath, [join(ROOT, 'cmd/cloudctl/main.ts'), ...words], { stdin, env });
  const kubectl = (stdin: string, words: readonly string[]): Promise<Outcome> => run(pathOf('kubectl'), words, { stdin, env });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    running.child.kill(signal);
    return running.ended;
  };
  return {
    dataDir,
    kubeconfig,
    pid: () => running.child.pid ?? -1,
    output: () => running.output,
    kubectl: (...words) => kubectl('', words),
    kubectlWith: (stdin, ...words) => kubectl(stdin, words),
    cloudctl: (...words) => cloudctl('', words),
    cloudctlWith: (stdin, ...words) => cloudctl(stdin, words),
    interrupt: () => end('SIGINT'),
    kill: async () => {
      await end('SIGKILL');
    },
    start: async (...more) => {
      running = launch(dataDir, more.length > 0 ? more : first);
      await serving(running);
    },
    remove: async () => {
      if (running.child.exitCode === null && running.child.signalCode === null) await end('SIGINT');
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A process's resident memory in bytes; 0 when it is gone. */
export async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The pids of a process's children. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  try {
    const text = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
    return text
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}
