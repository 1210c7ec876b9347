import type { ServerResponse } from 'node:http';
import { pipeline, type Writable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiResponse, ApiStream, WatchEvent } from '../../apis/meta/request.ts';
import type { Deadlines } from '../registry/deadlines.ts';

/** Below this a compressed answer costs more than it saves. */
const MIN_GZIP_BYTES = 128 * 1024;

/** What a watch writes at most before others have their turn. */
const TURN_BYTES = 256 * 1024;

const compress = promisify(gzip);

/** Lets whatever else is due have its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function safeHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.replaceAll(/[^\t\x20-\x7e]/g, '?')] as const);
  return { 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff', ...Object.fromEntries(entries) };
}

function bytesOf(body: unknown, type: string): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (typeof body === 'string' && !type.startsWith('application/json')) return Buffer.from(body);
  return Buffer.from(JSON.stringify(body));
}

function takesGzip(acceptEncoding: string | undefined): boolean {
  return (acceptEncoding ?? '').split(',').some((clause) => /^\s*gzip\s*(;\s*q=(0\.\d*[1-9]\d*|1(\.0*)?)\s*)?$/i.test(clause));
}

/** Writes a complete answer; large ones compressed for clients that take it; a HEAD gets the headers only. */
export async function sendResponse(
  response: ServerResponse,
  answer: ApiResponse,
  options: StreamOptions,
  signal: AbortSignal,
): Promise<void> {
  const headers = safeHeaders(answer.headers);
  if (answer.pieces === undefined) {
    if (answer.body !== undefined) headers['content-type'] ??= 'application/json';
    await sendBytes(response, answer.status, headers, bytesOf(answer.body, headers['content-type'] ?? ''), signal);
    return;
  }
  const pieces = answer.pieces()[Symbol.iterator]();
  const first = pieces.next();
  if (first.done === true) throw new ApiError('InternalError', 'an answer had no pieces');
  const second = pieces.next();
  if (second.done === true) await sendBytes(response, answer.status, headers, bytesOf(first.value, ''), signal);
  else await sendPieces(response, { status: answer.status, headers, begin: [first.value, second.value], rest: pieces }, options, signal);
}

async function sendBytes(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Buffer,
  signal: AbortSignal,
): Promise<void> {
  let bytes = body;
  if (bytes.length >= MIN_GZIP_BYTES) {
    vary(headers);
    if (takesGzip(response.req.headers['accept-encoding'])) {
      bytes = await compress(bytes, { level: constants.Z_BEST_SPEED });
      headers['content-encoding'] = 'gzip';
    }
  }
  if (signal.aborted || response.destroyed) return;
  if (status !== 304 && status !== 204) headers['content-length'] = String(bytes.length);
  response.writeHead(status, headers);
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

function vary(headers: Record<string, string>): void {
  headers.vary = [headers.vary, 'Accept-Encoding'].filter((name) => name !== undefined).join(', ');
}

/** A stream whose compressed bytes go to the client. */
function zipInto(response: ServerResponse): Writable {
  const gzipped = createGzip({ level: constants.Z_BEST_SPEED });
  // A client that goes ends the compression; whoever writes learns of it from the signal.
  pipeline(gzipped, response, () => undefined);
  return gzipped;
}

interface Pieces {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly begin: readonly Uint8Array[];
  readonly rest: Iterator<Uint8Array>;
}

/** Writes a long answer piece by piece, no faster than the client reads, and lets others have their turn between two pieces. */
async function sendPieces(
  response: ServerResponse,
  { status, headers, begin, rest }: Pieces,
  options: StreamOptions,
  signal: AbortSignal,
): Promise<void> {
  vary(headers);
  const zipped = takesGzip(response.req.headers['accept-encoding']);
  if (zipped) headers['content-encoding'] = 'gzip';
  response.writeHead(status, headers);
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const sink = zipped ? zipInto(response) : response;
  const all = (function* () {
    yield* begin;
    for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
  })();
  for (const piece of all) {
    if (signal.aborted || response.destroyed) break;
    if (!sink.write(piece)) await drained(sink, options, signal);
    else await turn();
  }
  sink.end();
}

/** An error as a complete answer whose body is a Status. */
export function errorResponse(error: ApiError, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const { retryAfterSeconds } = error.details;
  const retry: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return { status: error.code, headers: { ...retry, ...headers }, body: statusOf(error) };
}

/** Waits until the client has read what was written; rejects when it reads nothing for `stallMs`, or goes. */
async function drained(sink: Writable, { deadlines, stallMs }: StreamOptions, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  function read(): void {
    resolve(undefined);
  }
  function leave(): void {
    reject(signal.reason as Error);
  }
  const forget = deadlines.set(stallMs, () => {
    reject(new ApiError('Expired', 'too old resource version: the client reads nothing; list again'));
  });
  sink.on('drain', read).on('error', reject);
  signal.addEventListener('abort', leave);
  try {
    await promise;
  } finally {
    forget();
    sink.off('drain', read).off('error', reject);
    signal.removeEventListener('abort', leave);
  }
}

export interface StreamOptions {
  readonly deadlines: Deadlines;
  readonly gathering: Gathering;
  /** How long a client may leave everything unread. */
  readonly stallMs: number;
}

function lineOf(event: WatchEvent): Uint8Array {
  return event.line?.() ?? Buffer.from(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
}

/**
 * How long watches that have just been written to gather more, since a write costs the same with one event or with ten; longer where so
 * many watch that writing to all of them takes longer, so that others have their turn.
 */
const GATHER_MS = { least: 4, most: 50 };

/** Calls many watches back at once, soon. */
export interface Gathering {
  /** Calls `send` once: at the end of the turn after a silence, else some milliseconds after those before. */
  add(send: () => void): void;
}

/** A gathering by a clock. */
export function createGathering(clock: Clock): Gathering {
  let waiting = new Set<() => void>();
  const never = new AbortController().signal;
  let nextAt = -Infinity;

  function sendAll(): void {
    const from = clock.monotonic();
    const all = waiting;
    waiting = new Set();
    for (const send of all) send();
    const now = clock.monotonic();
    nextAt = now + Math.min(GATHER_MS.most, Math.max(GATHER_MS.least, now - from));
  }
  return {
    add(send) {
      waiting.add(send);
      if (waiting.size > 1) return;
      const waitMs = nextAt - clock.monotonic();
      if (waitMs <= 0) setImmediate(sendAll);
      else void clock.sleep(waitMs, never).then(sendAll);
    },
  };
}

/** The lines of a watch, gathered into as few writes as can be. */
interface Lines {
  add(line: Uint8Array): void;
  /** Sends what was gathered. */
  flush(): void;
  /** Bytes that have been written or gathered since the reader last had a turn. */
  readonly unbroken: number;
  /** Resolves when more may be written. */
  room(signal: AbortSignal): Promise<void>;
}

function linesTo(response: ServerResponse, options: StreamOptions): Lines {
  let gathered: Uint8Array[] = [];
  let unbroken = 0;
  function flush(): void {
    if (gathered.length === 0 || response.destroyed || response.writableEnded) return;
    const [first] = gathered;
    const { socket } = response;
    // Else it would be sent in a later turn, and nobody would know how long that takes.
    socket?.cork();
    response.write(gathered.length === 1 && first !== undefined ? first : Buffer.concat(gathered));
    socket?.uncork();
    gathered = [];
  }
  return {
    flush,
    add(line) {
      if (gathered.length === 0) options.gathering.add(flush);
      gathered.push(line);
      unbroken += line.length;
    },
    get unbroken() {
      return unbroken;
    },
    async room(signal) {
      unbroken = 0;
      flush();
      if (response.writableNeedDrain) await drained(response, options, signal);
      else await turn();
    },
  };
}

/** Writes a watch, one JSON object a line, no faster than the client reads; ends with it, and with an ERROR line where it fails. */
export async function sendStream(response: ServerResponse, stream: ApiStream, options: StreamOptions, signal: AbortSignal): Promise<void> {
  response.writeHead(stream.status, {
    ...safeHeaders(stream.headers),
    'content-type': stream.headers['content-type'] ?? 'application/json',
  });
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  response.flushHeaders();
  const lines = linesTo(response, options);
  try {
    for await (const event of stream.events) {
      if (signal.aborted) break;
      lines.add(lineOf(event));
      if (response.writableNeedDrain || lines.unbroken >= TURN_BYTES) await lines.room(signal);
    }
  } catch (error) {
    if (!signal.aborted) {
      if (!(error instanceof ApiError)) throw error;
      lines.add(lineOf({ type: 'ERROR', object: statusOf(error) }));
    }
  }
  lines.flush();
  response.end();
}
