import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { ApiResponse, ApiStream, WatchEvent } from '../../apis/meta/request.ts';

/** Below this a compressed answer costs more than it saves. */
const MIN_GZIP_BYTES = 128 * 1024;

const compress = promisify(gzip);

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
export async function sendResponse(response: ServerResponse, answer: ApiResponse, signal: AbortSignal): Promise<void> {
  const headers = safeHeaders(answer.headers);
  if (answer.body !== undefined) headers['content-type'] ??= 'application/json';
  let bytes = bytesOf(answer.body, headers['content-type'] ?? '');
  if (bytes.length >= MIN_GZIP_BYTES) {
    headers.vary = [headers.vary, 'Accept-Encoding'].filter((name) => name !== undefined).join(', ');
    if (takesGzip(response.req.headers['accept-encoding'])) {
      bytes = await compress(bytes, { level: constants.Z_BEST_SPEED });
      headers['content-encoding'] = 'gzip';
    }
  }
  if (signal.aborted || response.destroyed) return;
  if (answer.status !== 304 && answer.status !== 204) headers['content-length'] = String(bytes.length);
  response.writeHead(answer.status, headers);
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

/** An error as a complete answer whose body is a Status. */
export function errorResponse(error: ApiError, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const { retryAfterSeconds } = error.details;
  const retry: Record<string, string> = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return { status: error.code, headers: { ...retry, ...headers }, body: statusOf(error) };
}

/** Waits until the client has read what was written; rejects when it reads nothing for `stallMs`, or goes. */
async function drained(response: ServerResponse, options: StreamOptions, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const stalled = options.clock.sleep(options.stallMs, either).then(() => {
    throw new ApiError('Timeout', 'the client reads nothing');
  });
  try {
    await Promise.race([once(response, 'drain', { signal: either }), stalled]);
  } finally {
    done.abort();
    stalled.catch(() => undefined);
  }
}

export interface StreamOptions {
  readonly clock: Clock;
  /** How long a client may leave everything unread. */
  readonly stallMs: number;
}

function lineOf(event: WatchEvent): string {
  return `${JSON.stringify({ type: event.type, object: event.object })}\n`;
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
  try {
    for await (const event of stream.events) {
      if (signal.aborted) break;
      if (!response.write(lineOf(event))) await drained(response, options, signal);
    }
  } catch (error) {
    if (!signal.aborted) {
      if (!(error instanceof ApiError)) throw error;
      response.write(lineOf({ type: 'ERROR', object: statusOf(error) }));
    }
  }
  response.end();
}
