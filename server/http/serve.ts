import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import express, { type ErrorRequestHandler, type Express } from 'express';
import type { Logger } from 'pino';
import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiRequest, ApiResponse, Caller, Transport } from '../../apis/meta/request.ts';
import { createDeadlines } from '../registry/deadlines.ts';
import { perConnection, type Authenticate } from './authenticate.ts';
import { isProtobuf, readBody } from './request-body.ts';
import { requestPathOf } from './request-path.ts';
import { createGathering, errorResponse, sendResponse, sendStream, type StreamOptions } from './response.ts';

/** Bounds of what clients may take. */
export interface HttpLimits {
  readonly bodyBytes: number;
  readonly connections: number;
  /** From the first byte of a request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of a request to the end of its body. */
  readonly requestMs: number;
  /** Between two requests of one connection. */
  readonly idleMs: number;
  /** How long the client of a watch may leave everything unread. */
  readonly stallMs: number;
  /** How long answers under way may take when the server closes. */
  readonly closeMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  bodyBytes: 3 * 1024 * 1024,
  connections: 4096,
  headersMs: 10_000,
  requestMs: 60_000,
  idleMs: 90_000,
  stallMs: 60_000,
  closeMs: 5_000,
};

export interface HttpOptions {
  readonly transport: Transport;
  readonly port: number;
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly authenticate: Authenticate;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpServer {
  /** The port that is listened on, also where 0 was asked for. */
  readonly port: number;
  /** Ends watches, lets other answers finish for a while, then ends all connections; a second call waits for the first. */
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse, controller: AbortController) => Promise<void>;

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

function isMethod(method: string | undefined): method is ApiRequest['method'] {
  return method !== undefined && METHODS.has(method);
}

/** Headers as the API sees them: the credentials stay here. */
function headersOf(request: IncomingMessage): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name === 'authorization' || name === 'cookie') continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  if (isProtobuf(request)) headers['content-type'] = 'application/json';
  return headers;
}

function internalError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError('InternalError', 'the server failed; its log says why', { cause });
}

/** What is refused before the API is asked; undefined: nothing. */
function refusalOf(request: IncomingMessage, caller: Caller | undefined): ApiResponse | undefined {
  if (caller === undefined) {
    const error = new ApiError('Unauthorized', 'the credentials are not known: give a valid bearer token');
    return errorResponse(error, { 'www-authenticate': 'Bearer', connection: 'close' });
  }
  if (request.method === 'OPTIONS') return { status: 204, headers: { allow: ALLOW }, body: undefined };
  if (isMethod(request.method)) return undefined;
  return errorResponse(new ApiError('MethodNotAllowed', 'the method is not served'), { allow: ALLOW, connection: 'close' });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length']);
}

/** Whether the body stays unread: what nobody in particular may ask for needs none, and thousands of them would fill the memory. */
function leavesBody(request: IncomingMessage): boolean {
  return hasBody(request) && request.headers.authorization === undefined;
}

async function requestOf(request: IncomingMessage, caller: Caller, bodyBytes: number, signal: AbortSignal): Promise<ApiRequest> {
  const { path, query } = requestPathOf(request.url ?? '');
  const body = hasBody(request) && !leavesBody(request) ? await readBody(request, bodyBytes, signal) : undefined;
  const method = isMethod(request.method) ? request.method : 'GET';
  return { method, path, query, headers: headersOf(request), caller, ...(body === undefined ? {} : { body }) };
}

function handlerOf(options: HttpOptions, pace: StreamOptions, limits: HttpLimits, streams: Set<AbortController>): Handler {
  const { transport, log } = options;
  const authenticate = perConnection(options.authenticate);
  async function answer(request: IncomingMessage, response: ServerResponse, controller: AbortController): Promise<void> {
    const { signal } = controller;
    const caller = authenticate(request.socket, request.headers.authorization);
    if (leavesBody(request)) response.shouldKeepAlive = false;
    const refusal = refusalOf(request, caller);
    if (caller === undefined || refusal !== undefined) {
      if (refusal !== undefined) await sendResponse(response, refusal, pace, signal);
      return;
    }
    const result = await transport(await requestOf(request, caller, limits.bodyBytes, signal), signal);
    if ('events' in result) {
      streams.add(controller);
      await sendStream(response, result, pace, signal);
    } else await sendResponse(response, result, pace, signal);
  }
  return async (request, response, controller) => {
    try {
      await answer(request, response, controller);
    } catch (thrown) {
      if (response.destroyed) return;
      const error = internalError(thrown);
      if (error.code >= 500) log.error({ err: error, method: request.method, path: pathForLog(request) }, 'a request failed');
      if (response.headersSent) response.destroy();
      else await sendResponse(response, errorResponse(error, error.code === 413 ? { connection: 'close' } : {}), pace, controller.signal);
    }
  };
}

/** The path without its query: selectors and tokens of continued lists are nobody's business. */
function pathForLog(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

/** An express application that hands every request to `handle`, with a controller that aborts when its client goes. */
function applicationOf(handle: Handler, pace: StreamOptions, streams: Set<AbortController>, { log, clock }: HttpOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((request, response) => {
    const started = clock.monotonic();
    const controller = new AbortController();
    response.on('close', () => {
      streams.delete(controller);
      if (!response.writableFinished) controller.abort(new ApiError('Timeout', 'the client has gone'));
      const ms = Math.round(clock.monotonic() - started);
      log.debug({ method: request.method, path: pathForLog(request), code: response.statusCode, ms }, 'request');
    });
    void handle(request, response, controller);
  });
  // Express knows an error handler by its four parameters; without one it answers in HTML.
  const failed: ErrorRequestHandler = (error, _request, response, _next) => {
    log.error({ err: internalError(error) }, 'a request failed before it was handled');
    if (response.headersSent) response.destroy();
    else void sendResponse(response, errorResponse(internalError(error)), pace, new AbortController().signal);
  };
  app.use(failed);
  return app;
}

/** What is no HTTP gets a Status too, where the connection still takes one. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const timedOut = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const status = timedOut ? '408 Request Timeout' : tooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const message = timedOut
    ? 'the request came too slowly'
    : tooLarge
      ? 'the request line and headers are too long'
      : 'this is no HTTP request';
  const body = JSON.stringify({ ...statusOf(new ApiError('BadRequest', message)), code: Number(status.slice(0, 3)) });
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body);
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen({ port, host }, () => resolve(undefined));
  await promise;
  server.off('error', reject);
  return (server.address() as AddressInfo).port;
}

function closerOf(server: Server, streams: ReadonlySet<AbortController>, clock: Clock, closeMs: number): () => Promise<void> {
  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<undefined>();
    server.close(() => resolve(undefined));
    server.closeIdleConnections();
    for (const controller of streams) controller.abort(new ApiError('ServiceUnavailable', 'the server is closing'));
    const waiting = new AbortController();
    const late = clock.sleep(closeMs, waiting.signal).then(
      () => server.closeAllConnections(),
      () => undefined,
    );
    await closed;
    waiting.abort();
    await late;
  }
  return () => (closing ??= close());
}

/** Serves a transport over HTTPS until `signal` aborts or it is closed; resolves once it listens, rejects when it cannot. */
export async function serveHttp(options: HttpOptions, signal: AbortSignal): Promise<HttpServer> {
  signal.throwIfAborted();
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const streams = new Set<AbortController>();
  const { clock } = options;
  const pace = { deadlines: createDeadlines(clock), gathering: createGathering(clock), stallMs: limits.stallMs };
  const app = applicationOf(handlerOf(options, pace, limits, streams), pace, streams, options);
  const server = createServer(
    {
      ...options.tls,
      minVersion: 'TLSv1.2',
      handshakeTimeout: limits.headersMs,
      keepAliveTimeout: limits.idleMs,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.headersMs,
    },
    (request, response) => void app(request, response),
  );
  server.maxConnections = limits.connections;
  server.on('clientError', refuseMalformed);
  server.on('tlsClientError', (error) => options.log.debug({ err: error }, 'a client failed to speak TLS'));
  const port = await listen(server, options.port, options.host ?? '127.0.0.1');
  const close = closerOf(server, streams, options.clock, limits.closeMs);
  signal.addEventListener('abort', () => void close(), { once: true });
  return { port, close };
}
