import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { BOOKMARK_SECONDS, type ApiRequest, type Transport } from '../apis/meta/request.ts';
import { tokenAuthenticator } from '../server/http/authenticate.ts';
import { newAuthority, newServerCertificate } from '../server/http/certificates.ts';
import { kubeconfigOf } from '../server/http/kubeconfig.ts';
import { serveHttp, type HttpServer } from '../server/http/serve.ts';
import { ADMIN, openBench, REAL_CLOCK, zone, type Bench } from '../test/api-bench.ts';
import { eventually, hang, keptLog, watchRejections } from '../test/client-bench.ts';
import { createManualClock } from '../test/manual-clock.ts';
import { createClient } from './api-client.ts';
import type { Client, NewObject } from './client.ts';
import { connectBy } from './kubeconfig.ts';
import { reflect } from './reflector.ts';

const TOKEN = 'a-token-of-at-least-thirty-two-characters';
const authority = newAuthority(Date.now());
const tls = newServerCertificate(authority, ['127.0.0.1'], Date.now());

let bench: Bench;
let folder: string;
let rejections: ReturnType<typeof watchRejections>;
let stop: AbortController;
const servers: HttpServer[] = [];
const sockets = new Set<Socket>();
const plain: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lenticular-client-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  bench = await openBench();
  rejections = watchRejections();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort(new Error('the test has ended'));
  for (const server of servers.splice(0)) await server.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of plain.splice(0)) await new Promise((resolve) => server.close(resolve));
  await bench.close();
  rejections.end();
  expect(rejections.seen).toEqual([]);
});

async function serve(transport: Transport, port = 0): Promise<HttpServer> {
  const authenticate = tokenAuthenticator([{ token: TOKEN, caller: ADMIN }]);
  const log = pino({ level: 'silent' });
  const server = await serveHttp(
    { transport, port, tls, authenticate, log, clock: REAL_CLOCK, limits: { closeMs: 50 } },
    new AbortController().signal,
  );
  servers.push(server);
  return server;
}

async function fileOf(text: string): Promise<string> {
  const file = join(folder, `${String(Math.random()).slice(2)}.kubeconfig`);
  await writeFile(file, text);
  return file;
}

const configOf = (port: number, ca = authority.cert, scheme = 'https'): string =>
  kubeconfigOf({ server: `${scheme}://127.0.0.1:${String(port)}`, ca, user: 'admin', token: TOKEN });

async function transportTo(port: number, ca?: string): Promise<Transport> {
  return (await connectBy({ file: await fileOf(configOf(port, ca)) }, REAL_CLOCK, bench.signal)).transport;
}

async function clientTo(port: number, ca?: string): Promise<Client> {
  return createClient({ transport: await transportTo(port, ca), caller: ADMIN, userAgent: 'test' });
}

/** A server that lets `answer` do what it likes with the bytes of a connection. */
async function rude(answer: (socket: Socket) => void, secure = true): Promise<number> {
  const listen = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  };
  const server = secure ? createTlsServer({ cert: tls.cert, key: tls.key }, listen) : createTcpServer(listen);
  server.on('tlsClientError', () => undefined);
  plain.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const make = (client: Client, name: string): Promise<ApiObject> => client.create(ZoneKind, zone(name) as NewObject, bench.signal);
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

test('requests, lists, watches and errors are the same as in one process', async () => {
  const client = await clientTo((await serve(bench.api.handle)).port);
  const made = await make(client, 'z');
  expect(await client.get(ZoneKind, { name: 'z' }, bench.signal)).toEqual(made);
  expect(await client.get(ZoneKind, { name: 'none' }, bench.signal)).toBeUndefined();
  const { items, resourceVersion } = await client.list<ApiObject>(ZoneKind, {}, bench.signal);
  expect(items).toEqual([made]);
  await expect(make(client, 'z')).rejects.toMatchObject({ name: 'ApiError', reason: 'AlreadyExists' });
  await make(client, 'later');
  for await (const event of client.watch<ApiObject>(ZoneKind, { resourceVersion }, bench.signal)) {
    expect(event).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'later' } } });
    break;
  }
});

test('a wrong token is Unauthorized', async () => {
  const server = await serve(bench.api.handle);
  const file = await fileOf(configOf(server.port).replace(TOKEN, `another-${TOKEN}`));
  const { transport } = await connectBy({ file }, REAL_CLOCK, bench.signal);
  const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
  expect(await caught(client.get(ZoneKind, { name: 'z' }, bench.signal))).toMatchObject({ reason: 'Unauthorized' });
});

test('many requests share connections instead of opening one each', async () => {
  const ports = new Set<number>();
  const server = await serve(bench.api.handle);
  const forward = await rude((socket) => {
    ports.add(socket.remotePort ?? 0);
    void import('node:net').then(({ connect }) => {
      const upstream = connect(server.port, '127.0.0.1');
      sockets.add(upstream);
      upstream.on('error', () => undefined);
      socket.pipe(upstream).pipe(socket);
    });
  }, false);
  const client = await clientTo(forward);
  for (let index = 0; index < 20; index += 1) await client.get(ZoneKind, { name: 'z' }, bench.signal);
  expect(ports.size).toBe(1);
});

test('a request and a watch that are given up end at once with the signal’s reason', async () => {
  const server = await serve((request, signal) => (request.path.endsWith('/slow') ? hang(signal) : bench.api.handle(request, signal)));
  const client = await clientTo(server.port);
  const reason = new Error('enough');
  const given = new AbortController();
  const asked = caught(client.get(ZoneKind, { name: 'slow' }, given.signal));
  const { resourceVersion } = await client.list(ZoneKind, {}, bench.signal);
  const watch = client.watch(ZoneKind, { resourceVersion }, given.signal)[Symbol.asyncIterator]();
  const event = caught(watch.next());
  await REAL_CLOCK.sleep(50, bench.signal);
  given.abort(reason);
  expect(await asked).toBe(reason);
  expect(await event).toBe(reason);
  expect(await caught(client.get(ZoneKind, { name: 'z' }, given.signal))).toBe(reason);
});

describe('a connection that is cut', () => {
  test('in the middle of a watch is ServiceUnavailable, and a view goes on with the next server', async () => {
    const first = await serve(bench.api.handle);
    const client = await clientTo(first.port);
    const view = reflect<ApiObject>(client, ZoneKind, { clock: REAL_CLOCK, random: () => 0, log: keptLog() }, stop.signal);
    await view.synced(bench.signal);
    const { port } = first;
    await first.close();
    await bench.create('/apis/infra.lenticular.dev/v1alpha1/zones', zone('missed'));
    await serve(bench.api.handle, port);
    await eventually(() => view.get({ name: 'missed' }) !== undefined, 'the view goes on');
  });

  test('after a part of a watch rejects with ServiceUnavailable', async () => {
    const port = await rude((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"typ\r\n');
        setTimeout(() => socket.destroy(), 20);
      });
    });
    const watch = (await clientTo(port)).watch(ZoneKind, { resourceVersion: '1' }, bench.signal)[Symbol.asyncIterator]();
    expect(await caught(watch.next())).toMatchObject({ name: 'ApiError', reason: 'ServiceUnavailable' });
  });

  test.each([
    ['before the answer', ''],
    ['in the middle of the answer', 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"kind'],
  ])('%s is ServiceUnavailable for a read, and Timeout for a write, because that may have been done', async (_when, text) => {
    const port = await rude((socket) => {
      socket.once('data', () => socket.end(text));
    });
    const client = await clientTo(port);
    expect(await caught(client.get(ZoneKind, { name: 'z' }, bench.signal))).toMatchObject({ reason: 'ServiceUnavailable' });
    expect(await caught(make(client, 'z'))).toMatchObject({ reason: 'Timeout' });
    expect(await caught(client.delete(ZoneKind, { name: 'z' }, bench.signal))).toMatchObject({ reason: 'Timeout' });
  });

  test('just when it is used again is no failure for a read: it is asked once more on another one', async () => {
    const body = JSON.stringify({ ...zone('z'), metadata: { name: 'z' } });
    let asked = 0;
    const port = await rude((socket) => {
      let first = true;
      socket.on('data', () => {
        asked += 1;
        if (!first) return void socket.destroy();
        first = false;
        socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`);
      });
    });
    const client = await clientTo(port);
    for (let index = 0; index < 2; index += 1) expect(await client.get(ZoneKind, { name: 'z' }, bench.signal)).toBeDefined();
    expect(asked).toBe(3);
  });

  test('before anything was sent is ServiceUnavailable for a write too', async () => {
    const other = newAuthority(Date.now()).cert;
    const closed = await rude((socket) => socket.destroy(), false);
    const server = await serve(bench.api.handle);
    const down = (await serve(bench.api.handle)).port;
    await servers.pop()?.close();
    for (const client of [await clientTo(closed), await clientTo(server.port, other), await clientTo(down)])
      expect(await caught(make(client, 'z'))).toMatchObject({ name: 'ApiError', reason: 'ServiceUnavailable' });
  });
});

describe('a server that says nothing', () => {
  test('is given up after its time: reads as ServiceUnavailable, writes as Timeout', async () => {
    const port = await rude(() => undefined);
    const clock = createManualClock();
    const { transport } = await connectBy({ file: await fileOf(configOf(port)) }, clock, bench.signal);
    const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
    const read = caught(client.get(ZoneKind, { name: 'z' }, bench.signal));
    const write = caught(make(client, 'z'));
    await eventually(() => sockets.size === 2, 'both are connected');
    await REAL_CLOCK.sleep(50, bench.signal);
    await clock.advance(66_000);
    expect(await read).toMatchObject({ reason: 'ServiceUnavailable' });
    expect(await write).toMatchObject({ reason: 'Timeout' });
  });

  const body = JSON.stringify({ ...zone('z'), metadata: { name: 'z' } });
  const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`;

  /** Answers until it is told that all connections which are open now are dead; new ones are well. */
  async function dying(): Promise<{ readonly port: number; die(): void; readonly opened: () => number }> {
    const dead = new Set<Socket>();
    const port = await rude((socket) => {
      socket.on('data', () => {
        if (!dead.has(socket)) socket.write(answer);
      });
    });
    return { port, die: () => sockets.forEach((socket) => dead.add(socket)), opened: () => sockets.size };
  }

  test('on a connection that is kept is asked on another one, and what else is kept is not trusted', async () => {
    const { port, die, opened } = await dying();
    const clock = createManualClock();
    const { transport } = await connectBy({ file: await fileOf(configOf(port)), objectMs: 10_000 }, clock, bench.signal);
    const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
    const get = (): Promise<unknown> => client.get(ZoneKind, { name: 'z' }, bench.signal);
    await Promise.all([get(), get(), get()]);
    expect(opened()).toBe(3);
    die();
    const read = get();
    await REAL_CLOCK.sleep(50, bench.signal);
    await clock.advance(9_000);
    expect(await Promise.race([read, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(2_000);
    expect(await read).toMatchObject({ kind: 'Zone' });
    // Without a second's wait: none of the dead ones is used again.
    expect(await get()).toMatchObject({ kind: 'Zone' });
    expect(opened()).toBe(4);
  });

  test('and whom its caller gives up on a connection that is kept, is asked on another one the next time', async () => {
    const { port, die, opened } = await dying();
    const client = await clientTo(port);
    await Promise.all([make(client, 'a'), make(client, 'b')]);
    die();
    const given = new AbortController();
    const read = caught(client.get(ZoneKind, { name: 'z' }, given.signal));
    await REAL_CLOCK.sleep(50, bench.signal);
    given.abort(new Error('too late'));
    expect(await read).toBe(given.signal.reason);
    expect(await client.get(ZoneKind, { name: 'z' }, bench.signal)).toMatchObject({ kind: 'Zone' });
    expect(opened()).toBe(3);
  });

  test('to a write on a connection that is kept ends it with Timeout, and the next is written at once', async () => {
    const { port, die } = await dying();
    const clock = createManualClock();
    const { transport } = await connectBy({ file: await fileOf(configOf(port)), objectMs: 10_000 }, clock, bench.signal);
    const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
    await Promise.all([make(client, 'a'), make(client, 'b')]);
    die();
    const write = caught(make(client, 'z'));
    await REAL_CLOCK.sleep(50, bench.signal);
    await clock.advance(11_000);
    expect(await write).toMatchObject({ reason: 'Timeout' });
    expect(await make(client, 'z')).toMatchObject({ kind: 'Zone' });
  });

  test.each([
    { what: 'for more than two minutes of a watch', headers: [], waitsMs: 149_000, lostMs: 160_000 },
    {
      what: 'for two and a half times as long as its watch promised',
      headers: [`${BOOKMARK_SECONDS}: 15`],
      waitsMs: 37_000,
      lostMs: 38_000,
    },
  ])('$what has lost it', async ({ headers, waitsMs, lostMs }) => {
    const lines = ['HTTP/1.1 200 OK', 'content-type: application/json', ...headers, 'transfer-encoding: chunked', '', '1', '\n', ''];
    const port = await rude((socket) => {
      socket.once('data', () => socket.write(lines.join('\r\n')));
    });
    const clock = createManualClock();
    const { transport } = await connectBy({ file: await fileOf(configOf(port)) }, clock, bench.signal);
    const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
    const next = caught(client.watch(ZoneKind, { resourceVersion: '1' }, bench.signal)[Symbol.asyncIterator]().next());
    await eventually(() => sockets.size === 1, 'it is connected');
    await REAL_CLOCK.sleep(100, bench.signal);
    await clock.advance(waitsMs);
    expect(await Promise.race([next, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(lostMs);
    expect(await next).toMatchObject({ reason: 'ServiceUnavailable' });
  });
});

test('an answer that says JSON and is not is an InternalError', async () => {
  const port = await rude((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{]'));
  });
  expect(await caught((await clientTo(port)).get(ZoneKind, { name: 'z' }, bench.signal))).toMatchObject({ reason: 'InternalError' });
});

test('a name that steps out of its collection is refused before it is sent', async () => {
  const seen: ApiRequest[] = [];
  const server = await serve((request, signal) => {
    seen.push(request);
    return bench.api.handle(request, signal);
  });
  const client = await clientTo(server.port);
  expect(await caught(client.delete(ZoneKind, { name: '..' }, bench.signal))).toMatchObject({ reason: 'BadRequest' });
  expect(await client.get(ZoneKind, { name: 'a?watch=true#%2e' }, bench.signal).catch(() => undefined)).toBeUndefined();
  expect(seen.map(({ path }) => path)).toEqual(['/apis/infra.lenticular.dev/v1alpha1/zones/a?watch=true#%2e']);
});

describe('a kubeconfig', () => {
  const connect = (file: string, context?: string): Promise<unknown> =>
    caught(connectBy({ file, ...(context !== undefined && { context }) }, REAL_CLOCK, bench.signal));

  test('gives the server, and the namespace of its context', async () => {
    expect(await connect(await fileOf(configOf(6440)))).toMatchObject({ server: 'https://127.0.0.1:6440', namespace: 'default' });
  });

  test('that is not there is named', async () => {
    const file = join(folder, 'nowhere');
    expect(await connect(file)).toMatchObject({ reason: 'BadRequest', message: `there is no kubeconfig at ${file}` });
  });

  test.each([
    ['is not YAML', '{', /cannot be read/],
    ['is empty', '', /must be YAML with clusters/],
    ['is a list', '- a\n- b\n', /./],
    ['is one word', 'hello', /./],
    ['has no cluster for its context', configOf(1).replace('cluster: "lenticular"', 'cluster: "other"'), /no cluster/],
    ['has a server that is no URL', configOf(1).replace('https://127.0.0.1:1', 'nowhere'), /nowhere.*https/],
    ['has a server without TLS', configOf(1, authority.cert, 'http'), /https/],
    ['is about users only', 'users: 7\n', /./],
  ])('that %s is a BadRequest that names the file', async (_what, text, message) => {
    const file = await fileOf(text);
    const error = await connect(file);
    expect(error).toMatchObject({ name: 'ApiError', reason: 'BadRequest' });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(file);
    expect((error as Error).message).not.toContain(TOKEN);
  });

  test('without the context that was asked for names those that it has', async () => {
    const file = await fileOf(configOf(1));
    expect(await connect(file, 'prod')).toMatchObject({
      reason: 'BadRequest',
      message: `the kubeconfig ${file} has no context "prod"; it has "lenticular"`,
    });
  });

  test('with a certificate file that is missing is a BadRequest at the first request', async () => {
    const file = await fileOf(configOf(1).replace(/certificate-authority-data: .*/, 'certificate-authority: /nowhere/ca.crt'));
    const { transport } = await connectBy({ file }, REAL_CLOCK, bench.signal);
    const client = createClient({ transport, caller: ADMIN, userAgent: 'test' });
    expect(await caught(client.get(ZoneKind, { name: 'z' }, bench.signal))).toMatchObject({ name: 'ApiError', reason: 'BadRequest' });
  });
});
