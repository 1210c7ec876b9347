import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Transport } from '../../../apis/meta/request.ts';
import { connectBy } from '../../../client/kubeconfig.ts';
import { COMPILE_CACHE, eventually } from '../../cloud.ts';
import { realClock } from '../../programs/clock.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A `cloudd apiserver` in a process of its own, on a data folder of its own. */
export interface ApiServer {
  readonly transport: Transport;
  readonly dataDir: string;
  readonly port: number;
  pid(): number;
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and data; resolves when it serves. */
  start(): Promise<void>;
  /** Kills it and removes its folder. */
  end(): Promise<void>;
}

/** Starts an API server; `store` is its arguments that say which. */
export async function startApiServer(...store: readonly string[]): Promise<ApiServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lenticular-'));
  let child: ChildProcess | undefined;
  let port = 0;

  async function start(): Promise<void> {
    const argv = ['cmd/cloudd/main.ts', 'apiserver', '--data-dir', dataDir, '--port', String(port), ...store];
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...argv], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
    child = started;
    let output = '';
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (bytes: Buffer) => {
        output = (output + bytes.toString()).slice(-10_000);
      });
    port = await eventually('the API server serves', 60_000, () => {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`the API server ended:\n${output}`);
      const found = /^Serving https:.*:(\d+)$/m.exec(output)?.[1];
      return found === undefined ? undefined : Number(found);
    });
  }
  async function kill(): Promise<void> {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await start();
  const connection = await connectBy({ file: join(dataDir, 'kubeconfig') }, realClock, new AbortController().signal);
  return {
    transport: connection.transport,
    dataDir,
    port,
    pid: () => child?.pid ?? -1,
    kill,
    start,
    end: async () => {
      await kill();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
