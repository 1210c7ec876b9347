import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import type { Zone } from '../apis/infra/v1alpha1/zone/schema.ts';
import type { ApiRequest } from '../apis/meta/request.ts';
import { tokenAuthenticator } from '../server/http/authenticate.ts';
import { newAuthority, newServerCertificate } from '../server/http/certificates.ts';
import { kubeconfigOf } from '../server/http/kubeconfig.ts';
import { serveHttp, type HttpServer } from '../server/http/serve.ts';
import { ADMIN, openBench, REAL_CLOCK, zone, ZONES, type Bench } from '../test/api-bench.ts';
import { createTestLog, soon } from '../test/toy-world.ts';
import { createClient } from './api-client.ts';
import type { NewObject } from './client.ts';
import { connectBy, type Connection } from './kubeconfig.ts';
import { reflect } from './reflector.ts';

const TOKEN = 'a-token-of-at-least-thirty-two-characters';
const authority = newAuthority(Date.now());
const tls = newServerCertificate(authority, ['127.0.0.1'], Date.now());

let folder: string;
let bench: Bench;
let server: HttpServer;
let stop: AbortController;
let peers: Set<string>;

async function connect(port: number, text: Partial<Parameters<typeof kubeconfigOf>[0]> = {}): Promise<Connection> {
  const file = join(folder, 'kubeconfig');
  const given = { server: `https://127.0.0.1:${String(port)}`, ca: authority.cert, user: 'ann', token: TOKEN, ...text };
  await writeFile(file, kubeconfigOf(given));
  return connectBy({ file }, REAL_CLOCK, stop.signal);
}

function serve(port = 0): Promise<HttpServer> {
  const authenticate = tokenAuthenticator([{ token: TOKEN, caller: ADMIN }]);
  const limits = { closeMs: 100 };
  return serveHttp(
    { transport: bench.api.handle, port, tls, authenticate, log: pino({ level: 'silent' }), clock: REAL_CLOCK, limits },
    stop.signal,
  );
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lenticular-client-'));
  stop = new AbortController();
  bench = await openBench();
  peers = new Set();
  server = await serve();
});
afterEach(async () => {
  stop.abort(new Error('the test is over'));
  await server.close();
  await bench.close();
  await rm(folder, { recursive: true });
});

const clientOf = ({ transport }: Connection) => createClient({ transport, caller: { name: '', groups: [] }, userAgent: 'test' });
const read = (path: string): ApiRequest => ({ method: 'GET', path, query: [], headers: {}, caller: ADMIN });

/** A server of TLS that answers as a test says. */
async function withServer(answer: RequestListener, then: (port: number) => Promise<void>): Promise<void> {
  const odd = createServer(tls, answer);
  odd.on('secureConnection', (socket: Socket) => peers.add(String(socket.remotePort)));
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
  try {
    await then((odd.address() as AddressInfo).port);
  } finally {
    odd.closeAllConnections();
    await new Promise((resolve) => odd.close(resolve));
  }
}

describe('the API over HTTPS', () => {
  test('is spoken with the server, certificates and token of the kubeconfig: requests, statuses and watches', async () => {
    const connection = await connect(server.port);
    expect(connection.namespace).toBe('default');
    const client = clientOf(connection);
    await client.create(ZoneKind, zone('a') as NewObject, stop.signal);
    await expect(client.create(ZoneKind, zone('a') as NewObject, stop.signal)).rejects.toMatchObject({ reason: 'AlreadyExists' });
    const view = reflect<Zone>(client, ZoneKind, { clock: REAL_CLOCK, random: Math.random, log: createTestLog() }, stop.signal);
    await view.synced(stop.signal);
    const last = await bench.create(ZONES, zone('b', { metadata: { name: 'b', annotations: { note: 'große Zone ☁' } } }));
    await view.reached(last.metadata.resourceVersion, stop.signal);
    expect(view.get({ name: 'b' })?.metadata.annotations).toEqual({ note: 'große Zone ☁' });
  });

  test('a wrong token is Unauthorized; a certificate of a stranger, and a server that is not there, are ServiceUnavailable', async () => {
    const wrong = await connect(server.port, { token: 'another-token-of-thirty-two-characters' });
    await expect(clientOf(wrong).get(ZoneKind, { name: 'a' }, stop.signal)).rejects.toMatchObject({ reason: 'Unauthorized' });
    const stranger = await connect(server.port, { ca: newAuthority(Date.now()).cert });
    await expect(clientOf(stranger).get(ZoneKind, { name: 'a' }, stop.signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    const nobody = await connect(1);
    await expect(clientOf(nobody).get(ZoneKind, { name: 'a' }, stop.signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  test('a view outlives a restart of the server and misses nothing', async () => {
    const client = clientOf(await connect(server.port));
    const view = reflect<Zone>(client, ZoneKind, { clock: REAL_CLOCK, random: Math.random, log: createTestLog() }, stop.signal);
    await view.synced(stop.signal);
    const { port } = server;
    await server.close();
    await bench.create(ZONES, zone('meanwhile'));
    server = await serve(port);
    await soon('it is seen', () => view.get({ name: 'meanwhile' }));
  });

  test('a name that is a step up is refused before it is sent', async () => {
    const { transport } = await connect(server.port);
    await expect(transport(read(`${ZONES}/..`), stop.signal)).rejects.toMatchObject({ reason: 'BadRequest' });
    const { status } = await transport(read(`${ZONES}/a%2F..%2Fb?x=y#z`), stop.signal);
    expect(status).toBe(404);
  });

  test('one connection serves many requests', async () => {
    await withServer(
      (_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end('{}');
      },
      async (port) => {
        const { transport } = await connect(port);
        for (let round = 0; round < 20; round += 1) await transport(read('/version'), stop.signal);
        expect(peers.size).toBe(1);
      },
    );
  });

  test('a write that was cut off may have been done, and says so; a read that was cut off on a kept connection is asked again', async () => {
    let requests = 0;
    await withServer(
      (request, response) => {
        requests += 1;
        if (requests === 2 || request.method === 'PUT') {
          request.socket.destroy();
          return;
        }
        response.setHeader('content-type', 'application/json');
        response.end('{}');
      },
      async (port) => {
        const { transport } = await connect(port);
        await transport(read('/version'), stop.signal);
        expect(await transport(read('/version'), stop.signal)).toMatchObject({ status: 200 });
        const put = { ...read('/x'), method: 'PUT' as const, body: '{}' };
        await expect(transport(put, stop.signal)).rejects.toMatchObject({ reason: 'Timeout' });
      },
    );
  });

  test('an aborted request rejects with the reason of its signal, while it waits and while it reads', async () => {
    await withServer(
      (request, response) => {
        response.setHeader('content-type', 'application/json');
        if (request.url !== '/silent') response.write('{"half":');
      },
      async (port) => {
        const { transport } = await connect(port);
        for (const path of ['/silent', '/half']) {
          const ending = new AbortController();
          const asked = transport(read(path), ending.signal);
          const reason = new Error('changed my mind');
          setTimeout(() => ending.abort(reason), 50);
          await expect(asked).rejects.toBe(reason);
        }
      },
    );
  });

  test('a kubeconfig that cannot be used says what is wrong with it', async () => {
    await expect(connectBy({ file: join(folder, 'missing') }, REAL_CLOCK, stop.signal)).rejects.toMatchObject({ reason: 'BadRequest' });
    await expect(connect(server.port, { server: 'http://127.0.0.1:1' })).rejects.toMatchObject({ reason: 'BadRequest' });
    await connect(server.port);
    const file = join(folder, 'kubeconfig');
    await expect(connectBy({ file, context: 'other' }, REAL_CLOCK, stop.signal)).rejects.toThrow('has no context "other"');
  });
});
