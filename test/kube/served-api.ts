import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { CATALOG } from '../../apis/catalog.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Caller } from '../../apis/meta/request.ts';
import { tokenAuthenticator } from '../../server/http/authenticate.ts';
import { ensureTls, ensureToken } from '../../server/http/credentials.ts';
import { writeKubeconfig } from '../../server/http/kubeconfig.ts';
import { serveHttp } from '../../server/http/serve.ts';
import { runLifecycle } from '../../server/lifecycle/lifecycle.ts';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import { discoveryRoutes, versionRoute } from '../../server/verbs/discovery.ts';
import { createApi } from '../../server/verbs/handle.ts';
import { healthRoutes } from '../../server/verbs/health.ts';
import { openapiRoutes } from '../../server/verbs/openapi.ts';
import { eventually } from '../cloud.ts';

const CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal, ref: false }),
};

/** An API over HTTPS in this process: a store in memory, the server's own loops, nobody who controls. */
export interface ServedApi {
  /** A folder that goes with it. */
  readonly folder: string;
  readonly kubeconfig: string;
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  readonly log: () => string;
  close(): Promise<void>;
}

/** Serves the whole catalog for an administrator; the namespace `default` is there. */
export async function serveApi(): Promise<ServedApi> {
  const stop = new AbortController();
  const { signal } = stop;
  const folder = await mkdtemp(join(tmpdir(), 'lenticular-api-'));
  const store = await openSqliteStore({ file: ':memory:' }, signal);
  let logged = '';
  const log = pino({ level: 'debug' }, { write: (line: string) => void (logged += line) });
  const onTrouble = (error: unknown): void => log.error({ err: error }, 'trouble');
  const api = createApi({
    store,
    catalog: CATALOG,
    clock: CLOCK,
    newUid: randomUUID,
    newSuffix: () => randomUUID().slice(0, 5),
    freeze: true,
    documents: [
      discoveryRoutes(CATALOG),
      openapiRoutes(CATALOG, '0.1.0'),
      versionRoute({ release: '0.1.0', platform: 'linux/amd64', runtime: process.version }),
      healthRoutes([{ name: 'ping', live: true, check: () => Promise.resolve() }]),
    ],
    onTrouble,
  });
  const running = Promise.all([api.run(signal), runLifecycle({ ...api, store, clock: CLOCK, identity: 'test', onTrouble }, signal)]);
  const caller: Caller = { name: 'admin', groups: ['system:masters'] };
  const token = await ensureToken(folder, 'admin', signal);
  const tls = await ensureTls(folder, ['127.0.0.1', 'localhost'], CLOCK, signal);
  const authenticate = tokenAuthenticator([{ token, caller }]);
  const { port, close } = await serveHttp({ transport: api.handle, port: 0, tls, authenticate, log, clock: CLOCK }, signal);
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = join(folder, 'kubeconfig');
  await writeKubeconfig(kubeconfig, { server: url, ca: tls.ca, user: 'admin', token }, signal);
  await eventually('the namespace default is there', 10_000, async () => {
    const answer = await api.handle({ method: 'GET', path: '/api/v1/namespaces/default', query: [], headers: {}, caller }, signal);
    return answer.status === 200 || undefined;
  });
  return {
    folder,
    kubeconfig,
    url,
    ca: tls.ca,
    token,
    log: () => logged,
    async close() {
      await close();
      stop.abort();
      await running;
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
