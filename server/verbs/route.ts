import { createHash } from 'node:crypto';
import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';

/** Answers the paths that it knows; undefined for all others. */
export type Route = (request: ApiRequest) => ApiResponse | undefined;

/** Bytes that are served again and again, and a strong entity tag of them. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly etag: string;
  /** Hexadecimal, for URLs that change with the content. */
  readonly hash: string;
}

/** The document of a JSON value. */
export function documentOf(value: unknown): Document {
  return bytesDocument(new TextEncoder().encode(JSON.stringify(value)));
}

/** The document of these bytes. */
export function bytesDocument(bytes: Uint8Array): Document {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32).toUpperCase();
  return { bytes, hash, etag: `"${hash}"` };
}

/** A function that makes its value at the first call and keeps it. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Serves a document: 304 where the client has it, 405 for anything but reading. */
export function serveDocument(request: ApiRequest, document: Document, headers: Readonly<Record<string, string>>): ApiResponse {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return {
      status: 405,
      headers: { allow: 'GET, HEAD' },
      body: statusOf(new ApiError('MethodNotAllowed', `${request.path} can only be read`)),
    };
  }
  const answer = { etag: document.etag, vary: 'Accept', ...headers };
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(document.etag)) return { status: 304, headers: answer, body: undefined };
  return { status: 200, headers: answer, body: document.bytes };
}
