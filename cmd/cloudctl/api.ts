import { ApiError, API_ERROR_CODES, type ApiErrorReason, type Status, type StatusDetails } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiRequest, ApiStream, Transport, WatchEvent } from '../../apis/meta/request.ts';

/** A request as a command makes it; absent parts are left to their defaults. */
export interface Ask {
  readonly method?: ApiRequest['method'];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: unknown;
}

/** The API as commands use it: JSON in and out, warnings shown, failures as ApiError. */
export interface Api {
  ask(ask: Ask, signal: AbortSignal): Promise<unknown>;
  watch(ask: Ask, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

/** Who asks is decided by the transport's credentials. */
const NOBODY = { name: '', groups: [] };

function requestOf({
  method = 'GET',
  path,
  query = {},
  accept = 'application/json',
  contentType = 'application/json',
  body,
}: Ask): ApiRequest {
  return {
    method,
    path,
    query: Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    headers: { accept, 'user-agent': 'cloudctl', ...(body !== undefined && { 'content-type': contentType }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    caller: NOBODY,
  };
}

function isReason(reason: unknown): reason is ApiErrorReason {
  return typeof reason === 'string' && Object.hasOwn(API_ERROR_CODES, reason);
}

/** The ApiError that a Status body stands for; the body is its cause. */
function errorOf(body: unknown, status: number): ApiError {
  const { reason, message, details } = (typeof body === 'object' && body !== null ? body : {}) as Partial<Status>;
  const known: StatusDetails | undefined = details;
  return new ApiError(isReason(reason) ? reason : 'InternalError', message ?? `the server answered ${String(status)}`, {
    ...(known !== undefined && { details: known }),
    cause: body,
  });
}

/** Uses `transport`; `warn` is given each Warning of the server. */
export function createApi(transport: Transport, warn: (text: string) => void): Api {
  return {
    async ask(ask, signal) {
      const response = await transport(requestOf(ask), signal);
      if ('events' in response) throw new ApiError('InternalError', `${ask.path} answered with a watch`);
      const warning = response.headers.warning;
      if (warning !== undefined)
        for (const [, text] of warning.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) warn(text?.replaceAll(/\\(.)/g, '$1') ?? '');
      const body = decoded(response.body);
      if (response.status >= 400) throw errorOf(body, response.status);
      return body;
    },
    async *watch(ask, signal) {
      const response = await transport(requestOf({ ...ask, query: { ...ask.query, watch: 'true' } }), signal);
      if (!('events' in response)) throw errorOf(response.body, response.status);
      yield* failures(response);
    },
  };
}

/** Documents that never change are served as bytes; over HTTP they have been decoded already. */
function decoded(body: unknown): unknown {
  return body instanceof Uint8Array ? (JSON.parse(new TextDecoder().decode(body)) as unknown) : body;
}

async function* failures({ events }: ApiStream): AsyncIterable<WatchEvent> {
  for await (const event of events) {
    if (event.type === 'ERROR') throw errorOf(event.object, 500);
    yield event;
  }
}

/** An object as the API gives it; only what every object has is known. */
export function objectOf(body: unknown): ApiObject {
  return body as ApiObject;
}
