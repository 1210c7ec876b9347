import { createHash, randomInt, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { CATALOG } from '../../apis/catalog.ts';
import type { Metric } from '../../apis/meta/metrics.ts';
import type { Transport } from '../../apis/meta/request.ts';
import { createClient } from '../../client/api-client.ts';
import { QueueKind } from '../../apis/ops/v1alpha1/queue/kind.ts';
import type { Queue } from '../../apis/ops/v1alpha1/queue/schema.ts';
import { tokenAuthenticator } from '../../server/http/authenticate.ts';
import { ensureTls, ensureToken } from '../../server/http/credentials.ts';
import { writeKubeconfig } from '../../server/http/kubeconfig.ts';
import { serveHttp, type HttpServer } from '../../server/http/serve.ts';
import { runLifecycle } from '../../server/lifecycle/lifecycle.ts';
import type { EtcdMet } from '../../server/store/etcd-version.ts';
import type { Store } from '../../server/store/store.ts';
import { discoveryRoutes, versionRoute } from '../../server/verbs/discovery.ts';
import type { Computation } from '../../server/verbs/computed.ts';
import { createApi, type Api } from '../../server/verbs/handle.ts';
import { createRequestCounts, metricsRoute } from '../../server/verbs/metrics.ts';
import { healthRoutes } from '../../server/verbs/health.ts';
import { openapiRoutes } from '../../server/verbs/openapi.ts';
import { projectVersion } from '../version.ts';
import { ADMIN, CONTROLLERS } from './callers.ts';
import { endpointToken } from './endpoint.ts';
import { lastLed, remoteQueues } from './remote-queues.ts';
import { systemClock } from '../clock.ts';
import { openDataDir, type DataDir } from './data-dir.ts';
import { createLog, type LogLevel, type Logger } from './log.ts';
import { readEtcdTls } from './etcd-tls.ts';
import { OperatorError } from './operator-error.ts';
import { watchStoreRoom } from './store-room.ts';

export interface ApiserverOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly store: 'sqlite' | 'etcd';
  readonly etcd?: readonly string[];
  readonly etcdCa?: string;
  readonly etcdCert?: string;
  readonly etcdKey?: string;
  readonly etcdQuota?: number;
  readonly logLevel: LogLevel;
}

/** A running API server. */
export interface RunningApi {
  /** The API without HTTP, for callers in this process. */
  readonly handle: Transport;
  readonly port: number;
  /** Resolves when everything has ended, after the signal. */
  readonly ended: Promise<void>;
}

/** What the controllers of this process show; absent where they run elsewhere. */
export interface LocalControllers {
  readonly queues: () => readonly Queue[];
  readonly metrics: () => readonly Metric[];
}

interface Wiring {
  readonly dirs: DataDir;
  readonly log: Logger;
  readonly local?: LocalControllers;
}

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Five random letters, as Kubernetes appends to generateName. */
function newSuffix(): string {
  return Array.from({ length: 5 }, () => SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)]).join('');
}

/** An open store, and what an operator wants to know of it. */
interface OpenedStore {
  readonly store: Store;
  readonly about: string;
}

async function openStore(options: ApiserverOptions, dirs: DataDir, log: Logger, signal: AbortSignal): Promise<OpenedStore> {
  const { store, etcd } = options;
  if (store === 'sqlite') {
    if ([etcd, options.etcdCa, options.etcdCert, options.etcdKey].some((option) => option !== undefined)) {
      throw new OperatorError('--etcd and what begins with it go with --store etcd');
    }
    const { openSqliteStore } = await import('../../server/store/sqlite.ts');
    return { store: await openSqliteStore({ file: dirs.store }, signal), about: 'SQLite' };
  }
  if (etcd === undefined) throw new OperatorError('--store etcd needs --etcd URL[,URL]');
  const { openEtcdStore } = await import('../../server/store/etcd.ts');
  const tls = await readEtcdTls(options, etcd, signal);
  const quota = options.etcdQuota === undefined ? {} : { quotaBytes: options.etcdQuota };
  let about = 'etcd';
  const onMet = ({ version, guarded }: EtcdMet): void => {
    about = `etcd ${version}, ${guarded === undefined ? 'whose defects are not known' : `${String(guarded.length)} known defects guarded against`}`;
    log.info({ etcd: version, guarded: guarded ?? 'the defects of this line of releases are not known' }, 'met etcd');
  };
  const opened = await openEtcdStore({ endpoints: etcd, ...(tls && { tls }), ...quota, clock: systemClock(), onMet }, signal);
  return { store: opened, about };
}

/** The same for every server on this data folder, of which there is one at a time. */
function serverIdentity({ root }: DataDir): string {
  return `${hostname()}_${createHash('sha256').update(root).digest('hex').slice(0, 8)}`;
}

/** Serves the API until the signal aborts; resolves when it is served. Writes the kubeconfigs of the administrator and of the controllers. */
export async function startApi(options: ApiserverOptions, wiring: Wiring, signal: AbortSignal): Promise<RunningApi> {
  const { dirs, log } = wiring;
  const opened = await openStore(options, dirs, log, signal);
  const { store } = opened;
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const controllersToken = await ensureToken(dirs.pki, 'controllers', both);
  const { api, running } = runApi(opened, { ...wiring, controllersToken }, both);
  const close = async (): Promise<void> => {
    await Promise.allSettled(running);
    await store.close();
  };
  try {
    const http = await serveSecurely(api.handle, options, dirs, log, both);
    const ended = ending(signal, async () => {
      await http.close();
      await close();
    });
    return { handle: api.handle, port: http.port, ended };
  } catch (error) {
    failed.abort(error);
    await close();
    throw error;
  }
}

/** What the watch cache and the store are like now. */
function cacheMetrics(api: Api, store: string): readonly Metric[] {
  const { cache, resources } = api;
  const watches = resources.map(({ name, prefix }) => ({ labels: { resource: name }, value: cache.listening(prefix) }));
  return [
    { name: 'lenticular_api_watches', help: 'Watches that are open.', type: 'gauge', samples: watches.filter(({ value }) => value > 0) },
    { name: 'lenticular_store_info', help: 'The store.', type: 'gauge', samples: [{ labels: { store }, value: 1 }] },
    { name: 'lenticular_cache_ready', help: 'Whether objects can be served.', type: 'gauge', samples: [{ value: api.ready() ? 1 : 0 }] },
    {
      name: 'lenticular_cache_differences_total',
      help: 'How often the watch cache was found to differ from the store.',
      type: 'counter',
      samples: [{ value: cache.differences }],
    },
  ];
}

/** The API over the store, and the loops that it needs. */
function runApi(
  { store, about }: OpenedStore,
  { dirs, log, local, controllersToken }: Wiring & { readonly controllersToken: string },
  signal: AbortSignal,
): { readonly api: Api; readonly running: readonly Promise<void>[] } {
  const clock = systemClock();
  const release = projectVersion();
  const trouble = (error: unknown): void => {
    log.error({ err: error }, 'something went wrong inside the API');
  };
  const counts = createRequestCounts();
  const asControllers: Transport = (request, stop) => api.handle(request, stop);
  const client = createClient({ transport: asControllers, caller: CONTROLLERS, userAgent: `lenticular-apiserver/${release}` });
  const queues = async (stop: AbortSignal): Promise<Computation> => {
    const { objects, warnings } = await remoteQueues(client, endpointToken(controllersToken), stop);
    return { objects: lastLed([...(local?.queues() ?? []), ...objects]), warnings };
  };
  const room = watchStoreRoom(store, { clock, log });
  const filled = (): Promise<void> => (api.ready() ? Promise.resolve() : Promise.reject(new Error('the watch cache is being filled')));
  const api = createApi({
    store,
    catalog: CATALOG,
    clock,
    newUid: randomUUID,
    newSuffix,
    onTrouble: trouble,
    onAnswered: (answered) => {
      counts.note(answered);
    },
    computed: [{ kind: QueueKind, list: queues }],
    documents: [
      metricsRoute([() => counts.metrics(), () => cacheMetrics(api, about), () => room.metrics(), ...(local ? [local.metrics] : [])]),
      healthRoutes(
        [
          { name: 'store', live: false, check: (stop) => store.revision(stop).then(() => undefined) },
          { name: 'watch-cache', live: false, check: filled },
          { name: 'watch', live: false, check: (stop) => filled().then(() => api.cache.fresh(stop)) },
        ],
        () => [
          `the store is ${about}`,
          `the watch cache was found to differ from it ${String(api.cache.differences)} times`,
          ...room.facts(),
        ],
      ),
      versionRoute({ release, platform: `${process.platform}/${process.arch}`, runtime: process.version }),
      discoveryRoutes(CATALOG),
      openapiRoutes(CATALOG, release),
    ],
  });
  const lifecycle = runLifecycle({ ...api, store, clock, identity: serverIdentity(dirs), onTrouble: trouble }, signal);
  return { api, running: [api.run(signal), lifecycle, room.run(signal)] };
}

/** Listens, with certificates and tokens that are made where they are missing, and writes the kubeconfigs. */
async function serveSecurely(
  transport: Transport,
  { port }: ApiserverOptions,
  dirs: DataDir,
  log: Logger,
  signal: AbortSignal,
): Promise<HttpServer> {
  const clock = systemClock();
  const [tls, admin, controllers] = await Promise.all([
    ensureTls(dirs.pki, ['127.0.0.1', '::1', 'localhost', hostname()], clock, signal),
    ensureToken(dirs.pki, 'admin', signal),
    ensureToken(dirs.pki, 'controllers', signal),
  ]);
  const authenticate = tokenAuthenticator([
    { token: admin, caller: ADMIN },
    { token: controllers, caller: CONTROLLERS },
  ]);
  const http = await listen({ transport, port, tls, authenticate, log, clock }, signal);
  const server = `https://127.0.0.1:${String(http.port)}`;
  await writeKubeconfig(dirs.kubeconfig, { server, ca: tls.ca, user: 'admin', token: admin }, signal);
  await writeKubeconfig(dirs.controllersKubeconfig, { server, ca: tls.ca, user: 'controllers', token: controllers }, signal);
  return http;
}

async function listen(options: Parameters<typeof serveHttp>[0], signal: AbortSignal): ReturnType<typeof serveHttp> {
  try {
    return await serveHttp(options, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new OperatorError(`port ${String(options.port)} is taken: is cloudd running already? Choose another with --port`, {
      cause: error,
    });
  }
}

async function ending(signal: AbortSignal, close: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await close();
}

/** `cloudd apiserver`: the API alone, until it is stopped. */
export async function apiserver(options: ApiserverOptions, signal: AbortSignal): Promise<void> {
  const dirs = openDataDir(options.dataDir);
  const { port, ended } = await startApi(options, { dirs, log: createLog({ level: options.logLevel }) }, signal);
  process.stdout.write(`Serving https://127.0.0.1:${String(port)}\nexport KUBECONFIG=${dirs.kubeconfig}\n`);
  await ended;
}
