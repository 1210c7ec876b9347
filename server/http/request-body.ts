import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../apis/meta/api-error.ts';
import { jsonOfProtobuf, PROTOBUF_TYPE } from './protobuf-body.ts';

const UTF8_NAMES: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii']);
/** How much more than the limit is read and thrown away, so that a client hears why before the connection ends. */
const DRAINED_FACTOR = 16;
const BYTE_ORDER_MARK = 0xefbbbf;

function refuseEncodings(request: IncomingMessage): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError('UnsupportedMediaType', 'the body must not be compressed: leave Content-Encoding away');
  }
  const charset = /;\s*charset="?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !UTF8_NAMES.has(charset.toLowerCase())) {
    throw new ApiError('UnsupportedMediaType', 'the body must be UTF-8');
  }
}

/** Whether a request's body is in Kubernetes' binary form. */
export function isProtobuf(request: IncomingMessage): boolean {
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === PROTOBUF_TYPE;
}

/** All bytes of the body, undefined where there is none. */
function bytesOf(request: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | undefined>();
  const chunks: Buffer[] = [];
  let size = 0;
  function tooLong(): void {
    reject(new ApiError('RequestEntityTooLarge', `the body is larger than ${maxBytes} bytes`));
  }
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (size > maxBytes * DRAINED_FACTOR) {
      request.pause();
      tooLong();
    }
  });
  request.on('end', () => {
    if (size > maxBytes) tooLong();
    else resolve(size === 0 ? undefined : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size));
  });
  request.on('error', reject);
  // A client that goes ends neither in an end nor always in an error.
  request.on('close', () => {
    if (!request.readableEnded) reject(signal.aborted ? (signal.reason as Error) : new ApiError('Timeout', 'the client has gone'));
  });
  return promise;
}

/** Reads the whole body as UTF-8 text, undefined where there is none, and JSON where it was protobuf; throws RequestEntityTooLarge, UnsupportedMediaType or BadRequest once the rest was drained. */
export async function readBody(request: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<string | undefined> {
  const bytes = await bytesOf(request, maxBytes, signal);
  if (bytes === undefined) return undefined;
  refuseEncodings(request);
  if (isProtobuf(request)) return jsonOfProtobuf(bytes);
  if (!isUtf8(bytes)) throw new ApiError('BadRequest', 'the body is not UTF-8');
  // A byte order mark is no part of the text.
  return bytes.toString('utf8', bytes.length >= 3 && bytes.readUIntBE(0, 3) === BYTE_ORDER_MARK ? 3 : 0);
}
