import type { ChildProcess } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { openConnection, requestBytes, type Target } from './connection.ts';
import { startGenerator, type Generator } from './generator.ts';
import type { ClosedJob, Outcome, RateJob } from './jobs.ts';
import { cachedPath, leasesPath, machinesPath } from './objects.ts';
import { end, eventually, freePort, ROOT, start } from './processes.ts';

/** Who is measured: our server on either store, and the peer. */
export type SideName = 'ours-etcd' | 'ours-sqlite' | 'peer';

/** A running server with its store, and the generators that load it. */
export interface Side {
  readonly name: SideName;
  /** The server's process, not its store's. */
  pid(): number;
  load(job: Omit<ClosedJob, 'target'> | Omit<RateJob, 'target'>): Promise<Outcome>;
  /** The same from a second process, at the same time. */
  probe(job: Omit<ClosedJob, 'target'> | Omit<RateJob, 'target'>): Promise<Outcome>;
  /** One request. */
  ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: string }>;
  /** A counter of etcd's own, summed over the labels that hold `matching`; undefined without etcd. */
  etcdCounter(name: string, matching?: string): Promise<number | undefined>;
  namespace(name: string): Promise<void>;
  /** kill -9 of server and store, and start again; resolves when the VirtualMachines of `namespace` have been listed, with the seconds it took. */
  restart(namespace: string): Promise<number>;
  end(): Promise<void>;
}

interface Running {
  readonly target: Target;
  readonly server: ChildProcess;
  readonly etcd: ChildProcess | undefined;
}

interface Layout {
  readonly name: SideName;
  readonly folder: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly peerProgram: string;
}

function startEtcd({ folder, etcdPort, etcdPeerPort }: Layout): ChildProcess {
  const url = `http://127.0.0.1:${etcdPort}`;
  const flags = ['--data-dir', join(folder, 'etcd'), '--listen-client-urls', url, '--advertise-client-urls', url];
  const peer = ['--listen-peer-urls', `http://127.0.0.1:${etcdPeerPort}`, '--quota-backend-bytes', '4294967296'];
  return start('etcd', [...flags, ...peer], join(folder, 'etcd.log'));
}

async function etcdMetrics({ etcdPort }: Layout): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${etcdPort}/metrics`);
  return answer.text();
}

function startOurs({ name, folder, port, etcdPort }: Layout): ChildProcess {
  const store = name === 'ours-etcd' ? ['--store', 'etcd', '--etcd', `http://127.0.0.1:${etcdPort}`] : ['--store', 'sqlite'];
  const node = ['--max-semi-space-size=16', '--disable-warning=ExperimentalWarning'];
  const flags = ['--data-dir', join(folder, 'data'), '--port', String(port), '--log-level', 'error'];
  return start(process.execPath, [...node, 'cmd/cloudd/main.ts', 'apiserver', ...flags, ...store], join(folder, 'server.log'));
}

function startPeer({ folder, port, etcdPort, peerProgram }: Layout): ChildProcess {
  const flags = ['--etcd-servers', `http://127.0.0.1:${etcdPort}`, '--bind-address', '127.0.0.1', '--secure-port', String(port)];
  const more = ['--cert-dir', join(folder, 'certs'), '--kubeconfig', join(folder, 'kubeconfig'), '--enable-priority-and-fairness=false'];
  // Its limits refuse the 256 clients of P1 by default.
  const limits = ['--max-mutating-requests-inflight', '2000', '--max-requests-inflight', '4000'];
  return start(peerProgram, [...flags, ...more, ...limits], join(folder, 'server.log'));
}

/** The peer wants to be told how it is reached itself. */
async function writePeerKubeconfig({ folder, port }: Layout): Promise<void> {
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  const contexts = [{ name: 'peer', context: { cluster: 'peer', user: 'peer' } }];
  const users = [{ name: 'peer', user: { username: 'bench', password: 'bench' } }];
  const config = { apiVersion: 'v1', kind: 'Config', clusters: [{ name: 'peer', cluster }], users, contexts, 'current-context': 'peer' };
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(config));
}

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly 'certificate-authority-data': string } }];
  readonly users: readonly [
    { readonly user: { readonly token?: string; readonly 'client-certificate-data'?: string; readonly 'client-key-data'?: string } },
  ];
}

/** Our server's own administrator, by whatever its kubeconfig holds: a client certificate, or else a token. */
export async function ourTarget({ folder, port }: Pick<Layout, 'folder' | 'port'>): Promise<Target> {
  const text = await readFile(join(folder, 'data/kubeconfig'), 'utf8');
  const { clusters, users } = load(text) as Kubeconfig;
  const plain = (encoded: string): string => Buffer.from(encoded, 'base64').toString();
  const { token, 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  return {
    host: '127.0.0.1',
    port,
    ca: plain(clusters[0].cluster['certificate-authority-data']),
    ...(cert !== undefined && key !== undefined ? { cert: plain(cert), key: plain(key) } : token !== undefined && { token }),
  };
}

/** One request on a connection of its own. */
export async function askOnce(
  target: Target,
  method: string,
  path: string,
  body?: object,
  keep = true,
): Promise<{ status: number; body: string }> {
  const connection = await openConnection(target);
  try {
    return await connection.ask(requestBytes(target, method, path, body && JSON.stringify(body)), keep);
  } finally {
    connection.close();
  }
}

const START_SECONDS = 120;
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

async function run(layout: Layout, readyPath: string): Promise<Running> {
  const etcd = layout.name === 'ours-sqlite' ? undefined : startEtcd(layout);
  if (etcd !== undefined) await eventually('etcd is ready', START_SECONDS, () => etcdMetrics(layout));
  const server = layout.name === 'peer' ? startPeer(layout) : startOurs(layout);
  try {
    const target = await eventually(`${layout.name} answers`, START_SECONDS, async () => {
      const found: Target = layout.name === 'peer' ? { host: '127.0.0.1', port: layout.port } : await ourTarget(layout);
      return (await askOnce(found, 'GET', readyPath, undefined, false)).status === 200 ? found : undefined;
    });
    return { target, server, etcd };
  } catch (error) {
    await end(server, 'SIGKILL');
    await end(etcd, 'SIGKILL');
    throw error;
  }
}

/** The peer's Lease: a CRD of the same group, with the schema that a Lease has. */
const LEASE_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'leases.coordination.k8s.io', annotations: { 'api-approved.kubernetes.io': 'unapproved, test only' } },
  spec: {
    group: 'coordination.k8s.io',
    scope: 'Namespaced',
    names: { kind: 'Lease', listKind: 'LeaseList', plural: 'leases', singular: 'lease' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  holderIdentity: { type: 'string' },
                  leaseDurationSeconds: { type: 'integer' },
                  leaseTransitions: { type: 'integer' },
                  acquireTime: { type: 'string', format: 'date-time' },
                  renewTime: { type: 'string', format: 'date-time' },
                },
              },
            },
          },
        },
      },
    ],
  },
};

async function installKinds(target: Target): Promise<void> {
  const folder = join(ROOT, 'manifests/crds');
  const files = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
  for (const crd of [LEASE_CRD, ...files.map((text) => load(text) as object)]) {
    const { status, body } = await askOnce(target, 'POST', CRDS, crd);
    if (status !== 201) throw new Error(`the peer refuses a CRD: ${status} ${body.slice(0, 500)}`);
  }
  for (const path of [machinesPath('default'), leasesPath('default')])
    await eventually(
      `the peer serves ${path}`,
      START_SECONDS,
      async () => (await askOnce(target, 'GET', path)).status === 200 || undefined,
    );
}

async function counter(layout: Layout, name: string, matching: string): Promise<number | undefined> {
  if (layout.name === 'ours-sqlite') return undefined;
  const lines = (await etcdMetrics(layout)).split('\n').filter((line) => /^[^{ ]+/.exec(line)?.[0] === name && line.includes(matching));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function makeNamespace(target: Target, name: string): Promise<void> {
  const { status, body } = await askOnce(target, 'POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  if (status !== 201) throw new Error(`namespace ${name}: ${status} ${body.slice(0, 300)}`);
}

/** Starts a server on a fresh store below `folder`. */
export async function startSide(name: SideName, folder: string, peerProgram: string): Promise<Side> {
  await mkdir(folder, { recursive: true });
  const [port, etcdPort, etcdPeerPort] = [await freePort(), await freePort(), await freePort()];
  const layout: Layout = { name, folder, port, etcdPort, etcdPeerPort, peerProgram };
  await writePeerKubeconfig(layout);
  let running = await run(layout, name === 'peer' ? CRDS : '/apis');
  if (name === 'peer') await installKinds(running.target);
  let generators: readonly [Generator, Generator] | undefined;
  const generator = (which: 0 | 1): Generator => (generators ??= [startGenerator(), startGenerator()])[which];
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    await end(running.server, signal);
    await end(running.etcd, signal);
  };
  return {
    name,
    pid: () => running.server.pid ?? -1,
    load: (job) => generator(0).run({ ...job, target: running.target }),
    probe: (job) => generator(1).run({ ...job, target: running.target }),
    ask: (method, path, body) => askOnce(running.target, method, path, body),
    etcdCounter: (metric, matching = '') => counter(layout, metric, matching),
    // The peer has no namespaces: objects can be made in any.
    namespace: async (namespace) => {
      if (name !== 'peer') await makeNamespace(running.target, namespace);
    },
    async restart(namespace) {
      await stop('SIGKILL');
      const from = performance.now();
      running = await run(layout, cachedPath(namespace));
      return (performance.now() - from) / 1_000;
    },
    async end() {
      for (const one of generators ?? []) one.end();
      await stop('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
