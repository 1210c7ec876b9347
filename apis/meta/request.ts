/** Who asks, as authentication found out. */
export interface Caller {
  readonly name: string;
  readonly groups: readonly string[];
}

/** One request to the API, however it arrived. */
export interface ApiRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Decoded path, for example `/apis/infra.lenticular.dev/v1alpha1/zones/z1/status`. */
  readonly path: string;
  /** Raw pairs, in order: a repeated parameter is repeated. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8 text of the body; absent when there was none. */
  readonly body?: string;
  readonly caller: Caller;
}

/** A complete answer. `body` is a JSON value that nobody changes afterwards, or text where the content type is not JSON, or bytes. */
export interface ApiResponse {
  /** The same body as JSON in UTF-8, piece by piece, where it is kept as text: then nobody needs to make `body` first. */
  readonly pieces?: () => Iterable<Uint8Array>;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** One line of a watch; `object` is a JSON value that nobody changes afterwards. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
  /** The same as a line of JSON, where one is kept for all who watch. */
  readonly line?: () => Uint8Array;
}

/** An answer that goes on: a watch. The iterable ends when the watch does. */
export interface ApiStream {
  readonly status: 200;
  readonly headers: Readonly<Record<string, string>>;
  readonly events: AsyncIterable<WatchEvent>;
}

/** The header of a watch's answer that says after how many seconds of silence, at most, it tells at least where it is; other servers give none. */
export const BOOKMARK_SECONDS = 'lenticular-bookmark-seconds';

/** How a request becomes an answer: over HTTPS, or in one process. Failures are answers whose body is a Status; it rejects only when no answer came. */
export type Transport = (request: ApiRequest, signal: AbortSignal) => Promise<ApiResponse | ApiStream>;
