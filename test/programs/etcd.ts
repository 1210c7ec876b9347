import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEtcdClient, type EtcdTls } from '../../server/store/etcd-client.ts';
import { pathOf } from '../prerequisites.ts';
import { realClock } from './clock.ts';

/** A real etcd of one member, in a folder of its own, for tests. */
export interface TestEtcd {
  readonly port: number;
  readonly endpoint: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, and on the same data. */
  start(): Promise<void>;
  /** Removes its data, which it then starts without; it must not run. */
  wipe(): Promise<void>;
  /** Kills it and removes its data. */
  end(): Promise<void>;
}

/** Files with which an etcd speaks TLS and asks its clients for certificates of the same authority. */
export interface TestEtcdTls {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** What a client of it needs. */
  readonly client: EtcdTls;
}

/** Starts an etcd that answers. */
export async function startTestEtcd(tls?: TestEtcdTls, more: readonly string[] = []): Promise<TestEtcd> {
  const directory = await mkdtemp(join(tmpdir(), 'etcd-'));
  const [port, peerPort] = [await freePort(), await freePort()];
  const endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${String(port)}`;
  const peer = `http://127.0.0.1:${String(peerPort)}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const flags = ['--data-dir', directory, '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint];
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
    const secure =
      tls === undefined
        ? []
        : ['--cert-file', tls.certificateFile, '--key-file', tls.keyFile, '--client-cert-auth', '--trusted-ca-file', tls.caFile];
    child = spawn(pathOf('etcd'), [...flags, ...peers, ...secure, ...more, '--log-level', 'fatal'], { stdio: 'ignore' });
    await once(child, 'spawn');
    await answering(endpoint, tls?.client);
  }
  async function kill(): Promise<void> {
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    child = undefined;
  }
  await start();
  return {
    port,
    endpoint,
    kill,
    start,
    wipe: () => rm(join(directory, 'member'), { recursive: true }),
    end: async () => {
      await kill();
      await rm(directory, { recursive: true });
    },
  };
}

async function answering(endpoint: string, tls: EtcdTls | undefined): Promise<void> {
  const client = createEtcdClient({ endpoints: [endpoint], ...(tls === undefined ? {} : { tls }), clock: realClock });
  for (let attempt = 0; ; attempt += 1) {
    try {
      await client.read((kv, call) => kv.range({ key: Buffer.from('x') }, call));
      client.close();
      return;
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
