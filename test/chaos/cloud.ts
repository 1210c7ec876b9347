import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../client/api-client.ts';
import type { Client } from '../../client/client.ts';
import { familyOf } from '../../cmd/cloudd/controllers.ts';
import { simControl, type SimCommand } from '../../drivers/sim/control-client.ts';
import { openWorld, type World } from '../../drivers/sim/world.ts';
import { openEtcdStore } from '../../server/store/etcd.ts';
import type { Store } from '../../server/store/store.ts';
import { COMPILE_CACHE, run, type Outcome } from '../cloud.ts';
import { makeCertificate } from '../programs/certificates.ts';
import { realClock } from '../programs/clock.ts';
import { cloudProcess, type CloudProcess } from '../programs/cloudd.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import { startApiServer, type ApiServer } from '../store/cluster/server.ts';
import { startCuttingProxy, type CuttingProxy } from '../store/cutting-proxy.ts';

/** A process that can be killed, paused, and started again as it was; `link` is what others, or it, are reached through. */
export interface Part extends Omit<CloudProcess, 'start'> {
  readonly link: CuttingProxy;
  start(): Promise<void>;
}

/** A `cloudd controllers`; `link` leads to its API server. */
export interface Controllers extends Part {
  /** Whether a holder of a Lease is this process, or one that ran in its place. */
  holds(holder: string): boolean;
}

/** A `cloudd driver sim` with the hosts and the pool of one zone; `link` leads to it. */
export interface Driver extends Part {
  readonly zone: string;
  /** Its world, which outlives it. */
  readonly world: World;
  control(command: SimCommand): Promise<unknown>;
}

/** A cloud of real processes: one etcd, API servers on it, controllers, and a driver for each zone. */
export interface ChaosCloud {
  readonly store: Store;
  readonly servers: readonly ApiServer[];
  readonly controllers: readonly Controllers[];
  readonly drivers: readonly Driver[];
  /** A client of each API server, which nothing but the server's own death disturbs. */
  readonly clients: readonly Client[];
  /** Runs cloudctl against the first API server. */
  cloudctl(...args: readonly string[]): Promise<Outcome>;
  end(): Promise<void>;
}

export interface ChaosCloudOptions {
  readonly controllers: number;
  readonly servers: number;
  readonly zones: readonly string[];
  readonly leaseSeconds: number;
}

const CONTROL_MS = 5_000;

async function startDriver(zone: string, folder: string, pki: string): Promise<Driver> {
  const stateDir = join(folder, zone);
  await mkdir(stateDir, { mode: 0o700 });
  const child = cloudProcess(`the driver of ${zone}`, /^1\|[^|]*\|tcp\|[^|]*:(\d+)\|/m);
  const tls = ['--tls-ca', join(pki, 'ca.crt'), '--tls-cert', join(pki, 'driver.crt'), '--tls-key', join(pki, 'driver.key')];
  const start = (port: number): Promise<string> =>
    child.start('driver', 'sim', '--listen', `127.0.0.1:${port}`, '--state-dir', stateDir, ...tls);
  const port = Number(await start(0));
  const world = openWorld(join(stateDir, 'world.db'), () => realClock.now());
  return {
    ...child,
    zone,
    world,
    link: await startCuttingProxy(port),
    control: (command) => simControl(stateDir, command, AbortSignal.timeout(CONTROL_MS)),
    async start() {
      await start(port);
    },
  };
}

async function startControllers(name: string, folder: string, pki: string, server: ApiServer, leaseSeconds: number): Promise<Controllers> {
  const dataDir = join(folder, name);
  const own = join(dataDir, 'pki');
  await mkdir(own, { recursive: true, mode: 0o700 });
  await cp(join(pki, 'ca.crt'), join(own, 'drivers-ca.crt'));
  for (const ending of ['crt', 'key']) await cp(join(pki, `controllers.${ending}`), join(own, `drivers-client.${ending}`));
  const link = await startCuttingProxy(server.port);
  const kubeconfig = await readFile(join(server.dataDir, 'pki/controllers.kubeconfig'), 'utf8');
  await writeFile(join(own, 'controllers.kubeconfig'), kubeconfig.replaceAll(`:${server.port}`, `:${link.port}`), { mode: 0o600 });
  const child = cloudProcess(name, /"msg":"(controlling)"/);
  const start = async (): Promise<void> => {
    await child.start('controllers', '--data-dir', dataDir, '--lease-seconds', String(leaseSeconds), '--log-level', 'debug');
  };
  await start();
  return { ...child, link, start, holds: (holder) => holder.startsWith(`${familyOf(dataDir)}_`) };
}

async function makeCertificates(pki: string): Promise<void> {
  await mkdir(pki);
  await makeCertificate(pki, 'ca');
  for (const name of ['driver', 'controllers']) await makeCertificate(pki, name, 'ca');
}

const clientOf = ({ transport }: ApiServer): Client =>
  createClient({ transport, caller: { name: '', groups: [] }, userAgent: 'chaos-user' });

/** Starts all processes; resolves when each says that it serves. */
export async function startChaosCloud(options: ChaosCloudOptions, signal: AbortSignal): Promise<ChaosCloud> {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-'));
  const pki = join(folder, 'pki');
  await makeCertificates(pki);
  const etcd: TestEtcd = await startTestEtcd();
  const store = await openEtcdStore({ endpoints: [etcd.endpoint], clock: realClock }, signal);
  const many = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);
  const servers: ApiServer[] = [];
  for (const _ of many(options.servers)) servers.push(await startApiServer('--store', 'etcd', '--etcd', etcd.endpoint));
  const [first] = servers;
  if (first === undefined) throw new RangeError('a cloud needs an API server');
  const drivers = await Promise.all(options.zones.map((zone) => startDriver(zone, folder, pki)));
  const controllers = await Promise.all(
    many(options.controllers).map((at) =>
      startControllers(`controllers-${at + 1}`, folder, pki, servers[at % servers.length] ?? first, options.leaseSeconds),
    ),
  );
  const env = { KUBECONFIG: join(first.dataDir, 'kubeconfig'), HOME: folder, NO_COLOR: '1', NODE_COMPILE_CACHE: COMPILE_CACHE };
  return {
    store,
    servers,
    controllers,
    drivers,
    clients: servers.map(clientOf),
    cloudctl: (...args) => run(process.execPath, ['--disable-warning=ExperimentalWarning', 'cmd/cloudctl/main.ts', ...args], { env }),
    async end() {
      const parts = [...controllers, ...drivers];
      await Promise.all(parts.map((part) => part.kill()));
      await Promise.all(parts.map(({ link }) => link.end()));
      for (const { world } of drivers) world.close();
      await Promise.all(servers.map((server) => server.end()));
      await store.close();
      await etcd.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
