import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../cloud.ts';
import { pathOf } from '../prerequisites.ts';

/** What a JSON request got. */
export interface JsonAnswer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
}

export type Ask = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<JsonAnswer>;

/** Kubernetes' own API server with CRDs, on an etcd of its own. */
export interface ReferenceServer {
  readonly ask: Ask;
  close(): Promise<void>;
}

/** Asks a server in JSON; certificates are not checked, for it made them itself. */
export function askerOf(origin: string, headers: Readonly<Record<string, string>> = {}): { readonly ask: Ask; readonly end: () => void } {
  const agent = new Agent({ rejectUnauthorized: false, keepAlive: true });
  async function ask(method: string, path: string, body?: unknown, more: Readonly<Record<string, string>> = {}): Promise<JsonAnswer> {
    const all = { 'content-type': 'application/json', ...headers, ...more };
    const outgoing = httpsRequest(`${origin}${path}`, { method, agent, headers: all });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
    // Before a kind is served, the reference answers in plain text.
    const value: unknown = (response.headers['content-type'] ?? '').includes('json') ? JSON.parse(text) : { message: text };
    return { code: response.statusCode ?? 0, headers: response.headers, body: value as JsonAnswer['body'] };
  }
  return { ask, end: () => agent.destroy() };
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Starts the server of KUBEBUILDER_ASSETS and waits until it serves CRDs. */
export async function startReferenceServer(): Promise<ReferenceServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lenticular-reference-'));
  const [port = 0, client = 0, peer = 0] = await freePorts(3);
  const etcdUrl = `http://127.0.0.1:${client}`;
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  const named = {
    clusters: [{ name: 'r', cluster }],
    users: [{ name: 'r', user: {} }],
    contexts: [{ name: 'r', context: { cluster: 'r', user: 'r' } }],
  };
  await writeFile(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...named, 'current-context': 'r' }));
  const start = (program: string, args: readonly string[]): ChildProcess => spawn(program, args, { stdio: 'ignore', cwd: folder });
  const etcd = start(pathOf('etcd'), [
    ...['--data-dir', join(folder, 'etcd'), '--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
    ...['--listen-peer-urls', `http://127.0.0.1:${peer}`],
  ]);
  const server = start(pathOf('KUBEBUILDER_ASSETS'), [
    ...['--etcd-servers', etcdUrl, '--bind-address', '127.0.0.1', '--secure-port', String(port), '--cert-dir', join(folder, 'certs')],
    ...['--kubeconfig', kubeconfig, '--enable-priority-and-fairness=false'],
  ]);
  const { ask, end } = askerOf(`https://127.0.0.1:${port}`);
  await eventually('the reference server serves', 30_000, async () => {
    const answer = await ask('GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions').catch(() => undefined);
    return answer?.code === 200 || undefined;
  });
  return {
    ask,
    async close() {
      end();
      await stopped(server);
      await stopped(etcd);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
