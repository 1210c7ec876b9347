import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { ApiError } from '../../apis/meta/api-error.ts';
import { takeUntil } from './conformance-watch.ts';
import { mustWrite } from './conformance.ts';
import { createEtcdClient } from './etcd-client.ts';
import { openEtcdStore } from './etcd.ts';
import type { Store, StoreEvent } from './store.ts';
import { requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../../test/programs/etcd.ts';
import { versionOf } from './watch-hub.ts';

const signal = AbortSignal.timeout(600_000);
const CUTS = 20;
let etcd: TestEtcd;
let opened = 0;

function freshPrefix(): string {
  opened += 1;
  return `/f${String(opened)}/`;
}

function open(prefix: string, endpoint = etcd.endpoint): Promise<Store> {
  return openEtcdStore({ endpoints: [endpoint], prefix, clock: realClock }, signal);
}

interface CuttingProxy {
  readonly endpoint: string;
  /** Cuts the connections of now and the next `times` - 1 ones, each after `bytes` more from the server. */
  arm(bytes: number, times: number): void;
  cuts(): number;
  /** From now on nothing that the server says arrives. */
  stall(): void;
  /** Cuts the connections of now; the next ones lead to another port. */
  leadTo(port: number): void;
  end(): Promise<void>;
}

async function startProxy(first: number): Promise<CuttingProxy> {
  let port = first;
  const sockets = new Set<Socket>();
  let [left, times, cuts] = [Infinity, 0, 0];
  let bytes = 0;
  let stalled = false;
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', cut);
    }
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      if (stalled) return;
      client.write(chunk.subarray(0, Math.min(chunk.length, left)));
      left -= chunk.length;
      if (left > 0) return;
      times -= 1;
      cuts += 1;
      left = times > 0 ? bytes : Infinity;
      client.end();
      upstream.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    arm: (newBytes, newTimes) => {
      [left, bytes, times] = [newBytes, newBytes, newTimes];
    },
    cuts: () => cuts,
    stall: () => {
      stalled = true;
    },
    leadTo: (other) => {
      port = other;
      for (const socket of sockets) socket.destroy();
    },
    end: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function writeSome(store: Store, count: number, name: string): Promise<readonly bigint[]> {
  const versions: bigint[] = [];
  for (let at = 0; at < count; at += 10) {
    const keys = Array.from({ length: Math.min(10, count - at) }, (_, k) => `/${name}/${String(at + k)}`);
    const created = await Promise.all(keys.map((key) => mustWrite(store, { do: 'create', key, value: 'v'.repeat(100) })));
    const [first = 0n] = created;
    versions.push(...created, await mustWrite(store, { do: 'remove', key: `/${name}/${String(at)}`, resourceVersion: first }));
  }
  return versions.toSorted((a, b) => (a < b ? -1 : 1));
}

function versionsOf(revisions: readonly (readonly StoreEvent[])[]): readonly bigint[] {
  return revisions.flat().map(versionOf);
}

/** Fails the test unless the store knows that etcd holds something else than what it opened, whatever it is asked. */
async function expectRefused(store: Store): Promise<void> {
  const refused = { reason: 'ServiceUnavailable', message: expect.stringContaining('another installation') as string };
  await expect(store.revision(signal)).rejects.toMatchObject(refused);
  await expect(store.get('/before/1', signal)).rejects.toMatchObject(refused);
  await expect(store.list('', signal)).rejects.toMatchObject(refused);
  await expect(store.recall(10, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
  await expect(store.outline?.(signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
  await expect(store.write({ do: 'create', key: '/before/k', value: '' }, signal)).rejects.toMatchObject(refused);
}

requires('etcd')('with a real etcd', () => {
  beforeAll(async () => {
    etcd = await startTestEtcd();
  }, 30_000);
  afterAll(async () => {
    await etcd.end();
  });

  test(`a stream cut at any of ${String(CUTS)} places, three times over, loses nothing and doubles nothing`, async () => {
    const prefix = freshPrefix();
    const writer = await open(prefix);
    const start = await writer.revision(signal);
    const backlog = await writeSome(writer, 100, 'backlog');
    const watchers = Array.from({ length: CUTS }, async (_, at) => {
      const proxy = await startProxy(etcd.port);
      const store = await open(prefix, proxy.endpoint);
      proxy.arm(Math.round(60 * 1.4 ** at), 3);
      const taken = versionsOf(await takeUntil(store, '', start, 220, signal));
      await store.close();
      await proxy.end();
      return { taken, cuts: proxy.cuts() };
    });
    const live = await writeSome(writer, 100, 'live');
    const results = await Promise.all(watchers);
    for (const { taken } of results) expect(taken).toEqual([...backlog, ...live]);
    expect(results.filter(({ cuts }) => cuts > 0).length).toBeGreaterThan(CUTS / 2);
    await writer.close();
  }, 60_000);

  test('a watch goes on by itself when etcd was killed and came back, with nothing lost or doubled', async () => {
    const store = await open(freshPrefix());
    const start = await store.revision(signal);
    const taken = takeUntil(store, '', start, 44, signal);
    const before = await writeSome(store, 20, 'before');
    await etcd.kill();
    const meanwhile = await store.write({ do: 'create', key: '/while', value: '' }, signal).catch((error: unknown) => error);
    expect(meanwhile).toBeInstanceOf(ApiError);
    expect(['ServiceUnavailable', 'Timeout']).toContain((meanwhile as ApiError).reason);
    await expect(store.get('/before/1', signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await etcd.start();
    const after = await writeSome(store, 20, 'after');
    expect(versionsOf(await taken)).toEqual([...before, ...after]);
    await store.close();
  }, 60_000);

  test('reads and writes are refused when etcd came back without its data', async () => {
    const store = await open(freshPrefix());
    await writeSome(store, 20, 'lost');
    await etcd.kill();
    await etcd.wipe();
    await etcd.start();
    await expectRefused(store);
    await store.close();
  }, 60_000);

  test('a store that is led to another etcd neither reads nor writes nor tells there, and goes on when it is led back', async () => {
    const other = await startTestEtcd();
    const prefix = freshPrefix();
    const foreign = await open(prefix, other.endpoint);
    await writeSome(foreign, 100, 'foreign');
    const proxy = await startProxy(etcd.port);
    const store = await open(prefix, proxy.endpoint);
    const start = await store.revision(signal);
    const taken = takeUntil(store, '', start, 44, signal);
    const before = await writeSome(store, 20, 'before');

    proxy.leadTo(other.port);
    await expectRefused(store);
    await writeSome(foreign, 100, 'more');
    await expectRefused(store);
    expect((await foreign.list('/before/', signal)).objects).toEqual([]);

    proxy.leadTo(etcd.port);
    // A write over the link that has just been cut might have taken effect; a read is simply asked again.
    await store.revision(signal);
    const after = await writeSome(store, 20, 'after');
    expect(versionsOf(await taken)).toEqual([...before, ...after]);
    await Promise.all([store.close(), foreign.close()]);
    await proxy.end();
    await other.end();
  }, 60_000);

  test('an object that another program wrote is an error that names its key', async () => {
    const prefix = freshPrefix();
    const store = await open(prefix);
    const client = createEtcdClient({ endpoints: [etcd.endpoint], clock: realClock });
    await client.write((kv, call) => kv.put({ key: Buffer.from(`${prefix}objects:/k`), value: Buffer.from('{}') }, call));
    client.close();
    await expect(store.get('/k', signal)).rejects.toMatchObject({
      reason: 'InternalError',
      message: expect.stringContaining('objects:/k') as string,
    });
    await store.close();
  });

  test('a write that etcd does not answer rejects with Timeout, and a read with ServiceUnavailable', async () => {
    let skewMs = 0;
    // Deadlines are wall clock times: a clock that runs behind makes them come sooner.
    const clock = { ...realClock, now: () => Date.now() - skewMs };
    const proxy = await startProxy(etcd.port);
    const store = await openEtcdStore({ endpoints: [proxy.endpoint], prefix: freshPrefix(), clock }, signal);
    skewMs = 4500;
    proxy.stall();
    await expect(store.write({ do: 'create', key: '/k', value: '' }, signal)).rejects.toMatchObject({ reason: 'Timeout' });
    await proxy.end();
    await expect(store.get('/k', signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await store.close();
  }, 20_000);

  test('all who open a fresh store at once get one identity', async () => {
    const prefix = freshPrefix();
    const stores = await Promise.all([1, 2, 3, 4].map(() => open(prefix)));
    expect(new Set(stores.map((store) => store.identity.installation)).size).toBe(1);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('the next endpoint is used when the first cannot be reached', async () => {
    const proxy = await startProxy(etcd.port);
    await proxy.end();
    const store = await openEtcdStore({ endpoints: [proxy.endpoint, etcd.endpoint], prefix: freshPrefix(), clock: realClock }, signal);
    await mustWrite(store, { do: 'create', key: '/k', value: '' });
    await store.close();
  });
});

test.each([
  ['no endpoint', []],
  ['a user in the URL', ['http://root:hunter2@127.0.0.1:2379']],
  ['no port', ['http://localhost']],
  ['another scheme', ['tcp://127.0.0.1:2379']],
  ['both schemes', ['http://127.0.0.1:2379', 'https://127.0.0.1:2379']],
])('%s is refused without repeating it', async (_, endpoints) => {
  const refused: unknown = await openEtcdStore({ endpoints, clock: realClock }, signal).catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: 'ApiError', reason: 'BadRequest' });
  expect(String(refused)).not.toContain('hunter2');
});
