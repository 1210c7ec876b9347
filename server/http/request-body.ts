import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../apis/meta/api-error.ts';
import { jsonOfProtobuf, PROTOBUF_TYPE } from './protobuf-body.ts';

const UTF8_NAMES: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii']);
/** How much more than the limit is read and thrown away, so that a client hears why before the connection ends. */
const DRAINED_FACTOR = 16;

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

/** Reads the whole body as UTF-8 text, undefined where there is none, and JSON where it was protobuf; throws RequestEntityTooLarge, UnsupportedMediaType or BadRequest once the rest was drained. */
export async function readBody(request: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else if (size > maxBytes * DRAINED_FACTOR) break;
    else chunks.length = 0;
  }
  if (size > maxBytes) throw new ApiError('RequestEntityTooLarge', `the body is larger than ${maxBytes} bytes`);
  if (size === 0) return undefined;
  refuseEncodings(request);
  const bytes = Buffer.concat(chunks, size);
  if (isProtobuf(request)) return jsonOfProtobuf(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ApiError('BadRequest', 'the body is not UTF-8', { cause });
  }
}
