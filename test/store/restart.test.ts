import { join } from 'node:path';
import type { Transport } from '../../apis/meta/request.ts';
import { openEtcdStore } from '../../server/store/etcd.ts';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import type { Store } from '../../server/store/store.ts';
import { ADMIN, openBench, zone, ZONES, type Body, type SeenEvent } from '../api-bench.ts';
import { requires } from '../prerequisites.ts';
import { realClock } from '../programs/clock.ts';
import { startTestEtcd } from '../programs/etcd.ts';
import { startApiServer } from './cluster/server.ts';

/** A server that is killed and started again, between which its store forgets what was up to a version. */
interface Subject {
  readonly transport: Transport;
  restart(forget: bigint): Promise<void>;
  end(): Promise<void>;
}

const { signal } = new AbortController();

/** Two servers over one store, one after the other. */
async function startInMemory(): Promise<Subject> {
  const whole = await openSqliteStore({ file: ':memory:' }, signal);
  const store = Object.assign(Object.create(whole) as Store, { close: () => Promise.resolve() });
  for (const name of ['list', 'recall', 'revision', 'get', 'write', 'watch', 'compact'] as const) {
    Object.assign(store, { [name]: whole[name].bind(whole) });
  }
  let bench = await openBench({ store });
  return {
    transport: (request, stop) => bench.api.handle(request, stop),
    async restart(forget) {
      await bench.close();
      await whole.compact(forget, signal);
      bench = await openBench({ store });
    },
    async end() {
      await bench.close();
      await whole.close();
    },
  };
}

async function startOnFile(): Promise<Subject> {
  const server = await startApiServer('--store', 'sqlite');
  return {
    transport: server.transport,
    async restart(forget) {
      await server.kill();
      const store = await openSqliteStore({ file: join(server.dataDir, 'store.db') }, signal);
      await store.compact(forget, signal);
      await store.close();
      await server.start();
    },
    end: () => server.end(),
  };
}

async function startOnEtcd(): Promise<Subject> {
  const etcd = await startTestEtcd();
  const server = await startApiServer('--store', 'etcd', '--etcd', etcd.endpoint);
  return {
    transport: server.transport,
    async restart(forget) {
      await server.kill();
      const store = await openEtcdStore({ endpoints: [etcd.endpoint], clock: realClock }, signal);
      await store.compact(forget, signal);
      await store.close();
      await server.start();
    },
    async end() {
      await server.end();
      await etcd.end();
    },
  };
}

async function ask(transport: Transport, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<Body> {
  const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
  const request = { method, path, query: [], headers, caller: ADMIN, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await transport(request, signal);
  if ('events' in answer || answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer.body as Body;
}

/** What a watch tells in a short while: all that it has missed comes at once. */
async function watchAfter(transport: Transport, resourceVersion: string, selector = ''): Promise<readonly SeenEvent[]> {
  const short = AbortSignal.timeout(500);
  const query = Object.entries({ watch: 'true', resourceVersion, labelSelector: selector });
  const answer = await transport({ method: 'GET', path: ZONES, query, headers: {}, caller: ADMIN }, short);
  if (!('events' in answer)) throw new Error(JSON.stringify(answer));
  const seen: SeenEvent[] = [];
  try {
    for await (const event of answer.events) seen.push(event as SeenEvent);
  } catch (error) {
    if (!short.aborted) throw error;
  }
  return seen;
}

function told(events: readonly SeenEvent[]): readonly string[] {
  return events.map(({ type, object }) => `${type} ${object.metadata.name}`);
}

const SUBJECTS = [
  ['in memory', startInMemory],
  ['on an SQLite file', startOnFile],
  ['on etcd', startOnEtcd],
] as const;

requires('etcd')('a server that is killed and started again', () => {
  let subject: Subject | undefined;
  afterEach(() => subject?.end());

  test.each(SUBJECTS)(
    '%s tells a watch what it missed, by its selector, and expires one from before what the store remembers',
    async (_, begin) => {
      subject = await begin();
      const { transport } = subject;
      const label = (tier: string): object => ({ metadata: { labels: { tier } } });
      const create = (name: string, tier: string): Promise<Body> =>
        ask(transport, 'POST', ZONES, { ...zone(name), metadata: { name, labels: { tier } } });
      const early = (await create('early', 'one')).metadata.resourceVersion;
      for (const [name, tier] of ['stays:one', 'leaves:one', 'comes:two', 'goes:one', 'other:two'].map((pair) => pair.split(':'))) {
        await create(name ?? '', tier ?? '');
      }
      const at = (await ask(transport, 'GET', ZONES)).metadata.resourceVersion;
      await ask(transport, 'PATCH', `${ZONES}/stays`, { metadata: { annotations: { a: 'b' } } });
      await ask(transport, 'PATCH', `${ZONES}/leaves`, label('two'));
      await ask(transport, 'PATCH', `${ZONES}/comes`, label('one'));
      await ask(transport, 'PATCH', `${ZONES}/other`, label('three'));
      await ask(transport, 'DELETE', `${ZONES}/goes`);
      const made = await create('made', 'one');
      await subject.restart(BigInt(at));

      const selected = ['MODIFIED stays', 'DELETED leaves', 'ADDED comes', 'DELETED goes', 'ADDED made'];
      const all = ['MODIFIED stays', 'MODIFIED leaves', 'MODIFIED comes', 'MODIFIED other', 'DELETED goes', 'ADDED made'];
      const events = await watchAfter(transport, at, 'tier=one');
      expect(told(events)).toEqual(selected);
      expect(events[1]?.object.metadata.labels).toEqual({ tier: 'one' });
      expect(told(await watchAfter(transport, at))).toEqual(all);
      expect(told(await watchAfter(transport, events[2]?.object.metadata.resourceVersion ?? ''))).toEqual(all.slice(3));
      expect(await watchAfter(transport, made.metadata.resourceVersion)).toEqual([]);
      expect(await watchAfter(transport, early)).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    },
    60_000,
  );
});
