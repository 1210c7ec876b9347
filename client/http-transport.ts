import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import { linkedTo } from '../apis/meta/linked.ts';
import {
  BOOKMARK_SECONDS,
  type ApiRequest,
  type ApiResponse,
  type ApiStream,
  type Transport,
  type WatchEvent,
} from '../apis/meta/request.ts';

export interface HttpTransportOptions {
  readonly config: KubeConfig;
  readonly clock: Clock;
  /** How soon the answer about one object must begin; as any other where it is not given. Who asks again by itself need not wait for long. */
  readonly objectMs?: number;
}

/** An answer must begin this soon, and be whole: what is longer is a server that hangs. */
const ANSWER_MS = 65_000;
/** A watch says something, if only a bookmark, once a minute, or as often as its answer says; one that is silent for longer is a dead connection. */
const SILENCE_MS = 150_000;
const SILENT_BOOKMARKS = 2.5;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** A connection that is kept is asked whether it still is one this often. */
const KEEP_ALIVE_MS = 10_000;
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Requests over HTTPS, with the server, certificates and credentials of the kubeconfig's current context. */
export function httpTransport({ config, clock, objectMs = ANSWER_MS }: HttpTransportOptions): Transport {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new ApiError('BadRequest', 'the kubeconfig has no cluster for its current context');
  if (!URL.canParse(cluster.server) || !cluster.server.startsWith('https://'))
    throw new ApiError('BadRequest', `the kubeconfig's server ${JSON.stringify(cluster.server)} must be like https://127.0.0.1:6440`);
  const server = new URL(cluster.server);
  // client-node's agent opens a connection for each request; certificates travel in the request's own options.
  const agent = cluster.proxyUrl === undefined ? new Agent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS }) : undefined;
  return async (request, signal) => {
    const target = targetOf(server, request);
    const options: RequestOptions = { method: request.method, headers: { ...request.headers, ...lengthOf(request) } };
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ApiError('BadRequest', 'the certificates or credentials that the kubeconfig names cannot be read', { cause: error });
    }
    if (agent !== undefined) options.agent = agent;
    signal.throwIfAborted();
    // Lists and watches have a query; an answer about many objects may take its time.
    const answerMs = request.query.length === 0 ? objectMs : ANSWER_MS;
    const response = await send(target, options, request, { clock, answerMs, agent }, signal);
    const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
    const dead = (): void => closeIdle(agent);
    const watches = request.query.some(([name, value]) => name === 'watch' && value === 'true');
    if (watches && response.statusCode === 200)
      return { status: 200, headers, events: eventsOf(response, { clock, ms: silenceOf(headers), dead }, signal) } satisfies ApiStream;
    const text = await bodyOf(response, request, { clock, ms: answerMs, dead }, signal);
    const json = (headers['content-type'] ?? '').startsWith('application/json');
    return { status: response.statusCode ?? 0, headers, body: json ? parse(text) : text } satisfies ApiResponse;
  };
}

/** For how long a watch may say nothing. */
function silenceOf({ [BOOKMARK_SECONDS]: seconds }: Readonly<Record<string, string>>): number {
  const ms = Number(seconds ?? Number.NaN) * 1000 * SILENT_BOOKMARKS;
  return ms > 0 ? Math.min(ms, SILENCE_MS) : SILENCE_MS;
}

/** The address of a request. A name such as `..` would be taken for a step up, so it is refused. */
function targetOf(server: URL, { path, query }: ApiRequest): URL {
  const parts = path.split('/');
  if (parts.some((part) => part === '.' || part === '..'))
    throw new ApiError('BadRequest', `${JSON.stringify(path)} is not a path of the API`);
  const target = new URL(server.pathname.replace(/\/$/, '') + parts.map(encodeURIComponent).join('/'), server);
  for (const [name, value] of query) target.searchParams.append(name, value);
  return target;
}

/** Node writes no length for the body of a DELETE by itself; without one the server takes the body for the next request. */
function lengthOf({ body }: ApiRequest): Readonly<Record<string, number>> {
  return body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
}

function noAnswer(error: unknown, { method }: ApiRequest, sent: boolean): ApiError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const what = code === '' && error instanceof Error ? error.message : code;
  // A write that was sent and not answered may have been done: only a read can tell.
  const unknown = sent && method !== 'GET' && method !== 'HEAD';
  if (unknown)
    return new ApiError('Timeout', `the server did not answer (${what}); whether it did the work is not known`, { cause: error });
  return new ApiError('ServiceUnavailable', `the server cannot be reached: ${what}`, { cause: error });
}

interface Sending {
  readonly clock: Clock;
  readonly answerMs: number;
  readonly agent: Agent | undefined;
}

/** Closes connections that are kept for later: where one is dead and nobody was told, the others may be, too. */
function closeIdle(agent: Agent | undefined): void {
  for (const sockets of Object.values(agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
}

function send(target: URL, options: RequestOptions, request: ApiRequest, sending: Sending, signal: AbortSignal): Promise<IncomingMessage> {
  const { clock, answerMs, agent } = sending;
  return new Promise((resolve, reject) => {
    // Nothing of a request leaves before the server has proven who it is.
    let secured = false;
    let late = false;
    const answered = new AbortController();
    const outgoing = httpsRequest(target, { ...options, signal }, (response) => {
      answered.abort(new Error('answered'));
      resolve(response);
    });
    outgoing.on('socket', (socket) => {
      secured = outgoing.reusedSocket;
      if (secured) return;
      socket.once('secureConnect', () => {
        secured = true;
      });
    });
    clock.sleep(answerMs, answered.signal).then(
      () => {
        late = true;
        outgoing.destroy(new Error('no answer in time'));
      },
      () => undefined,
    );
    outgoing.on('error', (error) => {
      answered.abort(error);
      if (outgoing.reusedSocket && (late || signal.aborted)) closeIdle(agent);
      // The server closed a kept connection just as it was used again, or it is dead: what only reads is asked once more, on another one.
      if (outgoing.reusedSocket && !signal.aborted && request.method === 'GET' && (late || isReset(error))) {
        send(target, options, request, sending, signal).then(resolve, reject);
        return;
      }
      reject(signal.aborted ? asError(signal.reason) : noAnswer(error, request, secured));
    });
    outgoing.end(request.body);
  });
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}

/** How an answer is waited for. */
interface Patience {
  readonly clock: Clock;
  /** Where nothing comes for so long, the connection is dead, and others may be. */
  readonly ms: number;
  readonly dead: () => void;
}

/** The parts of an answer, for as long as there is patience with it. */
async function* chunksOf(response: IncomingMessage, { clock, ms, dead }: Patience, signal: AbortSignal): AsyncIterable<Buffer> {
  const ending = linkedTo(signal);
  let heardMs = clock.monotonic();
  const guard = async (): Promise<void> => {
    for (let left = ms; left > 0; left = heardMs + ms - clock.monotonic()) await clock.sleep(left, ending.signal);
    dead();
    response.destroy(new Error('silent for too long'));
  };
  const guarded = guard().catch(() => undefined);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      yield chunk;
      // A reader that takes its time is not a silent server.
      heardMs = clock.monotonic();
    }
  } finally {
    ending.abort(new Error('the answer has ended'));
    await guarded;
  }
}

async function bodyOf(response: IncomingMessage, request: ApiRequest, patience: Patience, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of chunksOf(response, patience, signal)) {
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) throw new Error('larger than 256 MiB');
      chunks.push(chunk);
    }
  } catch (error) {
    if (signal.aborted) throw asError(signal.reason);
    throw noAnswer(error, request, true);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ApiError('InternalError', 'the server said JSON and sent something else', { cause: error });
  }
}

/** The lines of a watch; ends when the server ends it, rejects when the connection breaks. */
async function* eventsOf(response: IncomingMessage, patience: Patience, signal: AbortSignal): AsyncIterable<WatchEvent> {
  let pending: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of chunksOf(response, patience, signal)) {
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        const line = Buffer.concat([...pending, chunk.subarray(start, end)]);
        pending = [];
        length = 0;
        start = end + 1;
        if (line.length > 0) yield parse(line.toString('utf8')) as WatchEvent;
      }
      const rest = chunk.subarray(start);
      length += rest.length;
      if (length > MAX_LINE_BYTES) throw new Error('a line of the watch is too long');
      if (rest.length > 0) pending.push(rest);
    }
  } catch (error) {
    if (signal.aborted) throw asError(signal.reason);
    if (error instanceof ApiError) throw error;
    throw new ApiError('ServiceUnavailable', 'the watch was cut off', { cause: error });
  } finally {
    response.destroy();
  }
}
