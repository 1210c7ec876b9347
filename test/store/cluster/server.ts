import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '../../../apis/meta/request.ts';
import { connectBy } from '../../../client/kubeconfig.ts';
import { realClock } from '../../programs/clock.ts';
import { cloudProcess, type CloudProcess } from '../../programs/cloudd.ts';

/** A `cloudd apiserver` in a process of its own, on a data folder of its own. */
export interface ApiServer extends Omit<CloudProcess, 'start'> {
  readonly transport: Transport;
  readonly dataDir: string;
  readonly port: number;
  /** Starts it again, on the same port and data; resolves when it serves. */
  start(): Promise<void>;
  /** Kills it and removes its folder. */
  end(): Promise<void>;
}

/** Starts an API server; `store` is its arguments that say which. */
export async function startApiServer(...store: readonly string[]): Promise<ApiServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lenticular-'));
  const process = cloudProcess('the API server', /^Serving https:.*:(\d+)$/m);
  const start = (port: number): Promise<string> => process.start('apiserver', '--data-dir', dataDir, '--port', String(port), ...store);
  const port = Number(await start(0));
  const connection = await connectBy({ file: join(dataDir, 'kubeconfig') }, realClock, new AbortController().signal);
  return {
    ...process,
    name: `${process.name} on ${port}`,
    transport: connection.transport,
    dataDir,
    port,
    async start() {
      await start(port);
    },
    async end() {
      await process.kill();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
