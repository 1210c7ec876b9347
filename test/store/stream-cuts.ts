import { openEtcdStore } from '../../server/store/etcd.ts';
import { WRITES_PER_REVISION, type Store, type StoreEvent } from '../../server/store/store.ts';
import { realClock } from '../programs/clock.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';

/** What a watch must tell: the events of each revision together, in order. */
export interface Backlog {
  readonly prefix: string;
  readonly after: bigint;
  readonly revisions: readonly (readonly string[])[];
  readonly events: number;
}

const AT_ONCE = 50;

/** Writes `events` creations and removals, many to a revision. */
export async function writeBacklog(store: Store, prefix: string, events: number, signal: AbortSignal): Promise<Backlog> {
  const after = await store.revision(signal);
  const lines: { readonly version: bigint; readonly line: string }[] = [];
  let removable: { readonly key: string; readonly resourceVersion: bigint }[] = [];
  for (let made = 0; made < events; made += AT_ONCE) {
    const removes = removable.slice(0, 5);
    const creates = Array.from({ length: AT_ONCE - removes.length }, (_, at) => `/backlog/${String(made + at)}`);
    const removed = removes.map((which) =>
      store.write({ do: 'remove', ...which }, signal).then((outcome) => ({ key: which.key, outcome })),
    );
    const created = creates.map((key) =>
      store.write({ do: 'create', key, value: 'v'.repeat(200) }, signal).then((outcome) => ({ key, outcome })),
    );
    const results = await Promise.all([...removed, ...created]);
    const versions = results.map(({ key, outcome }) => {
      if (!outcome.ok) throw new Error(`${key} was not written`);
      return { key, resourceVersion: outcome.resourceVersion };
    });
    versions.forEach(({ key, resourceVersion }, at) => {
      const what = at < removes.length ? 'remove' : 'put';
      lines.push({ version: resourceVersion, line: lineOf(what, key, resourceVersion) });
    });
    removable = versions.slice(removes.length);
  }
  lines.sort((a, b) => (a.version < b.version ? -1 : 1));
  const revisions = [...Map.groupBy(lines, ({ version }) => version / WRITES_PER_REVISION).values()];
  return { prefix, after, revisions: revisions.map((group) => group.map(({ line }) => line)), events: lines.length };
}

function lineOf(what: string, key: string, version: bigint): string {
  return `${what} ${key} ${String(version)}`;
}

function told(event: StoreEvent): string {
  return event.type === 'put'
    ? lineOf('put', event.object.key, event.object.resourceVersion)
    : lineOf('remove', event.key, event.resourceVersion);
}

/** What one watch told, in how many bytes, and when its link was broken. */
export interface WatchedBacklog extends ReturnType<CuttingProxy['broken']> {
  readonly revisions: readonly (readonly string[])[];
  readonly bytes: number;
}

/** What one watch of the backlog told, through a proxy that `prepare` sets up before the watch opens. */
export async function watchThroughProxy(
  port: number,
  backlog: Backlog,
  prepare: (proxy: CuttingProxy) => void,
  signal: AbortSignal,
): Promise<WatchedBacklog> {
  const proxy = await startCuttingProxy(port);
  const store = await openEtcdStore({ endpoints: [proxy.endpoint], prefix: backlog.prefix, clock: realClock }, signal);
  const enough = new AbortController();
  const revisions: (readonly string[])[] = [];
  const before = proxy.bytes();
  let events = 0;
  try {
    prepare(proxy);
    for await (const revision of store.watch('', backlog.after, AbortSignal.any([signal, enough.signal]))) {
      revisions.push(revision.map(told));
      events += revision.length;
      if (events >= backlog.events) enough.abort();
    }
    return { revisions, bytes: proxy.bytes() - before, ...proxy.broken() };
  } finally {
    await store.close();
    await proxy.end();
  }
}
