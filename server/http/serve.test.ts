import { once } from 'node:events';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiRequest, Transport, WatchEvent } from '../../apis/meta/request.ts';
import { tokenAuthenticator } from './authenticate.ts';
import { newAuthority, newServerCertificate } from './certificates.ts';
import { serveHttp, type HttpLimits, type HttpServer } from './serve.ts';

const TOKEN = 'a-token-of-at-least-thirty-two-characters';
const authority = newAuthority(Date.now());
const tls = newServerCertificate(authority, ['127.0.0.1'], Date.now());
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal, ref: false }),
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  readonly body: unknown;
}

let server: HttpServer | undefined;
let agent: Agent;
let seen: ApiRequest[];
let logged: string;
const stop = new AbortController();

beforeEach(() => {
  agent = new Agent({ ca: authority.cert, keepAlive: true });
  seen = [];
  logged = '';
});

afterEach(async () => {
  agent.destroy();
  await server?.close();
});

const echo: Transport = (request) => {
  seen.push(request);
  return Promise.resolve({ status: 200, headers: {}, body: { path: request.path } });
};

async function serve(transport: Transport, limits: Partial<HttpLimits> = {}): Promise<HttpServer> {
  const authenticate = tokenAuthenticator([{ token: TOKEN, caller: { name: 'ann', groups: ['crew'] } }]);
  const log = pino({ level: 'debug' }, { write: (line: string) => void (logged += line) });
  server = await serveHttp({ transport, port: 0, tls, authenticate, log, clock, limits: { closeMs: 500, ...limits } }, stop.signal);
  return server;
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes).toString() : bytes.toString();
  const isJson = (response.headers['content-type'] ?? '').includes('json') && text !== '';
  return { status: response.statusCode ?? 0, headers: response.headers, bytes, body: isJson ? (JSON.parse(text) as unknown) : text };
}

async function open(path: string, options: RequestOptions & { readonly body?: string | Buffer } = {}): Promise<IncomingMessage> {
  const { body, ...rest } = options;
  // The body of a caller without credentials is never read.
  const headers = Object.assign(body === undefined ? {} : { authorization: `Bearer ${TOKEN}` }, rest.headers);
  const outgoing = httpsRequest({ host: '127.0.0.1', port: server?.port, path, agent, ...rest, headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

async function ask(path: string, options: Parameters<typeof open>[1] = {}): Promise<Answer> {
  return answerOf(await open(path, options));
}

/** Sends bytes as they are and reads until the server ends. */
async function raw(text: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: server?.port ?? 0, ca: authority.cert });
  socket.write(text);
  let answer = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString();
  return answer;
}

describe('a request', () => {
  test('reaches the API as what was sent, without the credentials', async () => {
    await serve(echo);
    const answer = await ask('/apis/g/v/things/a%3Ab?limit=1&x=a+b&x=%C3%A4', {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json', cookie: 'c=1' },
      body: '{"ä":1}',
    });
    expect(answer.status).toBe(200);
    expect(seen).toEqual([
      {
        method: 'POST',
        path: '/apis/g/v/things/a:b',
        query: [
          ['limit', '1'],
          ['x', 'a b'],
          ['x', 'ä'],
        ],
        headers: expect.not.objectContaining({ authorization: expect.anything() as unknown }) as unknown,
        caller: { name: 'ann', groups: ['crew', 'system:authenticated'] },
        body: '{"ä":1}',
      },
    ]);
    expect(seen[0]?.headers['content-type']).toBe('application/json');
    expect(seen[0]?.headers.cookie).toBeUndefined();
  });

  test.each(['POST', 'PUT', 'DELETE'])('of method %s in protobuf reaches the API as JSON', async (method) => {
    await serve(echo);
    const headers = { 'content-type': 'Application/vnd.kubernetes.protobuf; q=1' };
    const body = Buffer.from('6b3873000a0f0a02763112094e616d65737061636512050a030a0178', 'hex');
    const sized = { ...headers, 'content-length': body.length };
    expect((await ask('/api/v1/namespaces', { method, headers: sized, body })).status).toBe(200);
    expect(seen[0]?.body).toBe('{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x"}}');
    expect(seen[0]?.headers['content-type']).toBe('application/json');
    await ask('/api/v1/namespaces', { method, headers });
    expect(seen[1]).not.toHaveProperty('body');
  });

  test('in protobuf that is cut off, or of a kind that comes as JSON only, gets a Status and never reaches the API', async () => {
    await serve(echo);
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    const cut = Buffer.from('6b3873000a0f0a02763112094e616d6573706163651205', 'hex');
    expect(await ask('/', { method: 'POST', headers, body: cut })).toMatchObject({ status: 400, body: { reason: 'BadRequest' } });
    const pod = Buffer.from('6b3873000a090a0276311203506f641200', 'hex');
    expect(await ask('/', { method: 'POST', headers, body: pod })).toMatchObject({
      status: 415,
      body: { reason: 'UnsupportedMediaType', message: expect.stringContaining('"Pod"') as unknown },
    });
    expect(seen).toEqual([]);
  });

  test('without credentials is the anonymous caller’s', async () => {
    await serve(echo);
    await ask('/version');
    expect(seen[0]?.caller).toEqual({ name: 'system:anonymous', groups: ['system:unauthenticated'] });
    expect(seen[0]).not.toHaveProperty('body');
  });

  test.each([
    ['an unknown token', `Bearer ${TOKEN}x`],
    ['another scheme', `Basic ${Buffer.from('a:b').toString('base64')}`],
    ['an empty token', 'Bearer '],
  ])('with %s is refused with a Status, and never reaches the API', async (_, authorization) => {
    await serve(echo);
    const answer = await ask('/version', { headers: { authorization } });
    expect(answer).toMatchObject({ status: 401, body: { kind: 'Status', reason: 'Unauthorized', code: 401 } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(seen).toEqual([]);
  });

  test('of nobody in particular is answered without its body, which is not waited for', async () => {
    await serve(echo);
    const head = 'POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n';
    const answer = await raw(`${head}${'x'.repeat(1000)}`);
    expect(answer).toContain('HTTP/1.1 200');
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(seen).toEqual([expect.not.objectContaining({ body: expect.anything() as unknown })]);
  });

  test('leaves neither its token nor its body nor its query in the log', async () => {
    await serve(echo);
    await ask('/secret-free?token=in-the-query', { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, body: 'in-the-body' });
    await clock.sleep(20, stop.signal);
    expect(logged).toContain('"path":"/secret-free","code":200');
    expect(logged).not.toMatch(/in-the-query|in-the-body|a-token-of/);
  });

  test.each([
    ['/a/%2e%2e/b', 400],
    ['/a/%2E/b', 400],
    ['/a/b%2Fc', 400],
    ['/a/%zz', 400],
    ['/a/%ff', 400],
    ['/a/%00', 400],
    ['/a//b', 404],
  ])('for %s is refused with a Status of code %i', async (path, code) => {
    await serve(echo);
    expect(await ask(path)).toMatchObject({ status: code, body: { kind: 'Status', code } });
    expect(seen).toEqual([]);
  });

  test('is decoded once only', async () => {
    await serve(echo);
    await ask('/a/%252e');
    expect(seen[0]?.path).toBe('/a/%2e');
  });

  test('whose body is too large is told so, also where it does not say its length', async () => {
    await serve(echo, { bodyBytes: 1000 });
    const body = Buffer.alloc(12_000, 'x');
    const told = await ask('/a', { method: 'POST', body });
    expect(told).toMatchObject({ status: 413, body: { kind: 'Status', reason: 'RequestEntityTooLarge' } });
    const chunked = await ask('/a', { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } });
    expect(chunked.status).toBe(413);
    expect((await ask('/a', { method: 'POST', body: body.subarray(0, 1000) })).status).toBe(200);
  });

  test.each([
    ['that is not UTF-8', {}, Buffer.from([0xff, 0xfe]), 400],
    ['in another charset', { 'content-type': 'application/json; charset=latin1' }, 'x', 415],
    ['that is compressed', { 'content-encoding': 'gzip' }, 'x', 415],
  ])('with a body %s is refused', async (_, headers, body, code) => {
    await serve(echo);
    expect(await ask('/a', { method: 'POST', headers, body })).toMatchObject({ status: code, body: { kind: 'Status', code } });
  });

  test('with a method that the API does not have is refused, and OPTIONS says which it has', async () => {
    await serve(echo);
    expect(await ask('/a', { method: 'TRACE' })).toMatchObject({ status: 405, body: { kind: 'Status', reason: 'MethodNotAllowed' } });
    const options = await ask('/a', { method: 'OPTIONS' });
    expect(options.status).toBe(204);
    expect(options.headers.allow).toContain('PATCH');
    expect(seen).toEqual([]);
  });

  test.each([
    ['what is no HTTP', 'hello\r\n\r\n', 400],
    ['headers without end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['a target that is no path', 'GET https://elsewhere/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', 400],
  ])('of %s gets a Status and no HTML', async (_, text, code) => {
    await serve(echo);
    const answer = await raw(text);
    expect(answer).toContain(`HTTP/1.1 ${code} `);
    expect(answer).toContain('"kind":"Status"');
    expect(answer).not.toContain('<');
  });

  test('that stops in the middle of its headers ends with a Status', async () => {
    await serve(echo, { headersMs: 200, requestMs: 300 });
    expect(await raw('GET / HTTP/1.1\r\nho')).toContain('HTTP/1.1 408 ');
  });
});

describe('an answer', () => {
  test('has its bytes untouched where the API made the bytes', async () => {
    await serve(() =>
      Promise.resolve({ status: 200, headers: { 'content-type': 'application/json', etag: '"1"' }, body: Buffer.from('{"a": 1}') }),
    );
    const answer = await ask('/a');
    expect(answer.bytes.toString()).toBe('{"a": 1}');
    expect(answer.headers).toMatchObject({ etag: '"1"', 'content-length': '8', 'x-content-type-options': 'nosniff' });
  });

  test('to HEAD has the headers of GET and no body', async () => {
    await serve(echo);
    const answer = await ask('/a', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-length']).toBe('13');
    expect(answer.bytes).toHaveLength(0);
  });

  test('that is large is compressed for those who take it', async () => {
    const items = 'x'.repeat(200_000);
    await serve(() => Promise.resolve({ status: 200, headers: {}, body: { items } }));
    const zipped = await ask('/a', { headers: { 'accept-encoding': 'gzip' } });
    expect(zipped.bytes.length).toBeLessThan(10_000);
    expect(zipped.body).toEqual({ items });
    const plain = await ask('/a', { headers: { 'accept-encoding': 'gzip;q=0' } });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.headers.vary).toBe('Accept-Encoding');
  });

  test('of a failing API is a Status that keeps the cause to the log', async () => {
    await serve(() => Promise.reject(new Error('disk on fire')));
    const answer = await ask('/a');
    expect(answer).toMatchObject({ status: 500, body: { kind: 'Status', reason: 'InternalError' } });
    expect(answer.bytes.toString()).not.toContain('fire');
    expect(logged).toContain('disk on fire');
  });

  test('of an API error that was thrown is that error, with the time to wait', async () => {
    await serve(() => Promise.reject(new ApiError('TooManyRequests', 'later', { details: { retryAfterSeconds: 7 } })));
    const answer = await ask('/a');
    expect(answer).toMatchObject({ status: 429, body: { reason: 'TooManyRequests' } });
    expect(answer.headers['retry-after']).toBe('7');
  });

  test('survives a header that HTTP cannot carry', async () => {
    await serve(() => Promise.resolve({ status: 200, headers: { warning: '299 - "unknown field \\"ü\n\\""' }, body: {} }));
    expect((await ask('/a')).headers.warning).toBe('299 - "unknown field \\"??\\""');
  });
});

describe('a watch', () => {
  const event = (n: number): WatchEvent => ({ type: 'ADDED', object: { n } });

  test('is one JSON object a line, as it happens', async () => {
    const go = Promise.withResolvers<undefined>();
    async function* events(): AsyncGenerator<WatchEvent> {
      yield event(1);
      await go.promise;
      yield event(2);
    }
    await serve(() => Promise.resolve({ status: 200, headers: {}, events: events() }));
    const response = await open('/a?watch=1');
    const [first] = (await once(response, 'data')) as [Buffer];
    expect(first.toString()).toBe('{"type":"ADDED","object":{"n":1}}\n');
    go.resolve(undefined);
    expect((await answerOf(response)).bytes.toString()).toBe('{"type":"ADDED","object":{"n":2}}\n');
  });

  test('ends for the API when its client goes', async () => {
    const ended = Promise.withResolvers<unknown>();
    async function* events(signal: AbortSignal): AsyncGenerator<WatchEvent> {
      yield event(1);
      await once(signal, 'abort');
      ended.resolve(signal.reason);
    }
    await serve((_, signal) => Promise.resolve({ status: 200, headers: {}, events: events(signal) }));
    const response = await open('/a?watch=1');
    await once(response, 'data');
    response.destroy();
    expect(await ended.promise).toBeInstanceOf(ApiError);
  });

  test('is made no faster than its client reads, and is given up when the client reads nothing', async () => {
    let made = 0;
    const gone = Promise.withResolvers<undefined>();
    async function* events(): AsyncGenerator<WatchEvent> {
      try {
        for (; made < 100_000; made += 1) {
          await Promise.resolve();
          yield { type: 'ADDED', object: { text: 'x'.repeat(10_000) } };
        }
      } finally {
        gone.resolve(undefined);
      }
    }
    await serve(() => Promise.resolve({ status: 200, headers: {}, events: events() }), { stallMs: 300 });
    const response = await open('/a?watch=1');
    response.pause();
    await gone.promise;
    expect(made).toBeLessThan(5_000);
    response.on('error', () => undefined).destroy();
  });

  test('that fails ends with an ERROR line', async () => {
    async function* events(): AsyncGenerator<WatchEvent> {
      yield await Promise.resolve(event(1));
      throw new ApiError('Expired', 'too old');
    }
    await serve(() => Promise.resolve({ status: 200, headers: { 'content-type': 'text/plain' }, events: events() }));
    const lines = (await ask('/a?watch=1')).bytes.toString().trim().split('\n');
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
  });

  test('ends when the server closes, and the server with it', async () => {
    async function* events(signal: AbortSignal): AsyncGenerator<WatchEvent> {
      yield event(1);
      await once(signal, 'abort');
    }
    const { close } = await serve((_, signal) => Promise.resolve({ status: 200, headers: {}, events: events(signal) }));
    const response = await open('/a?watch=1');
    await once(response, 'data');
    const ended = once(response, 'end');
    await Promise.all([close(), close(), ended]);
    await expect(ask('/a')).rejects.toThrow();
  });
});
