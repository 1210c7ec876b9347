import type { ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { simControl } from '../drivers/sim/control-client.ts';
import { openConnection, requestBytes, type Connection, type Target } from './connection.ts';
import { end, eventually, freePort, start, usage } from './processes.ts';
import { askOnce, ourTarget } from './side.ts';

/** The whole program, `cloudd up`, with the simulated data centre that it starts, as processes of their own. */
export interface Whole {
  target(): Target;
  /** The body of an answer; rejects where it is not one of success. */
  get(path: string): Promise<unknown>;
  /** Creates objects, so many at once. */
  createAll(count: number, what: (index: number) => { readonly path: string; readonly object: object }): Promise<void>;
  /** Calls that may have changed machines, since the data centre began: not those that let a host's lease go on. */
  mutations(): Promise<number>;
  /** The processor time of it and its driver together, and what memory each has, in bytes. */
  usage(): Promise<{ readonly cpuSeconds: number; readonly serverRss: number; readonly driverRss: number }>;
  /** kill -9 of it and of its driver, and start again; resolves as soon as it was started. The simulated world is a file, and stays. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

const START_SECONDS = 120;
const CLIENTS = 32;
const RENEWAL = 'host.renew';

function launch(folder: string, port: number): ChildProcess {
  const node = ['--max-semi-space-size=16', '--disable-warning=ExperimentalWarning'];
  const flags = ['--data-dir', join(folder, 'data'), '--port', String(port), '--log-level', 'error', '--sample', 'none'];
  return start(process.execPath, [...node, 'cmd/cloudd/main.ts', 'up', ...flags], join(folder, 'cloudd.log'));
}

/** The processes that a process has started. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(
    all.map(async (name) => {
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      return [Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const;
    }),
  );
  return parents.filter(([, parent]) => parent === pid).map(([child]) => child);
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended with its parent.
  }
}

async function createAll(target: Target, count: number, what: Parameters<Whole['createAll']>[1]): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    const connection: Connection = await openConnection(target);
    for (let index = next++; index < count; index = next++) {
      const { path, object } = what(index);
      const { status, body } = await connection.ask(requestBytes(target, 'POST', path, JSON.stringify(object)), true);
      if (status !== 201) throw new Error(`POST ${path}: ${status} ${body.slice(0, 300)}`);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: Math.min(CLIENTS, count) }, work));
}

/** Starts it on an empty data folder below `folder`. */
export async function startWhole(folder: string): Promise<Whole> {
  const port = await freePort();
  let child = launch(folder, port);
  const target = await eventually('cloudd answers', START_SECONDS, async () => {
    const found = await ourTarget({ folder, port });
    return (await askOnce(found, 'GET', '/readyz', undefined, false)).status === 200 ? found : undefined;
  });
  return {
    target: () => target,
    async get(path) {
      const { status, body } = await askOnce(target, 'GET', path);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${body.slice(0, 300)}`);
      return JSON.parse(body) as unknown;
    },
    createAll: (count, what) => createAll(target, count, what),
    async mutations() {
      const counts = await simControl(join(folder, 'data/drivers/sim'), { do: 'calls' }, AbortSignal.timeout(10_000));
      const entries = Object.entries(counts as Readonly<Record<string, number>>);
      return entries.reduce((sum, [call, count]) => sum + (call === RENEWAL ? 0 : count), 0);
    },
    async usage() {
      const pid = child.pid ?? -1;
      const [server, drivers] = await Promise.all([usage(pid), Promise.all((await childrenOf(pid)).map(usage))]);
      return {
        cpuSeconds: drivers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, server.cpuSeconds),
        serverRss: server.rss,
        driverRss: drivers.reduce((sum, { rss }) => sum + rss, 0),
      };
    },
    async restart() {
      const drivers = await childrenOf(child.pid ?? -1);
      await end(child, 'SIGKILL');
      for (const pid of drivers) killed(pid);
      child = launch(folder, port);
    },
    end: () => end(child, 'SIGTERM'),
  };
}
