import { ApiError, API_ERROR_CODES, type ApiErrorReason, type Status } from '../apis/meta/api-error.ts';
import { apiVersionOf, type KindDefinition } from '../apis/meta/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { ApiRequest, ApiResponse, ApiStream, Caller, Transport } from '../apis/meta/request.ts';
import type { Client, ListOptions, NewObject, ObjectEvent, ObjectKey, ObjectList } from './client.ts';

/** Objects of one page of a list. */
const PAGE = '500';
/** Lists that expire between two pages are begun again this often. */
const LIST_TRIES = 3;

export interface ClientOptions {
  readonly transport: Transport;
  /** Who asks, where the transport is in this process; over HTTP the credentials say it. */
  readonly caller: Caller;
  readonly userAgent: string;
}

type Query = ApiRequest['query'];

function collection(kind: KindDefinition, namespace: string | undefined): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  return namespace === undefined ? `${root}/${kind.plural}` : `${root}/namespaces/${namespace}/${kind.plural}`;
}

function objectPath(kind: KindDefinition, { namespace, name }: ObjectKey): string {
  return `${collection(kind, namespace)}/${name}`;
}

/** What a code means where no Status says more. No 404 and no 409: whoever answers so is not the API, and knows nothing of its objects. */
const REASON_OF_CODE: Readonly<Record<number, ApiErrorReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  502: 'ServiceUnavailable',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The ApiError that a failed answer stands for: by its Status, or by its code alone where a proxy or a gate in front gave it. */
export function errorOf(body: unknown, status: number, headers: ApiResponse['headers'] = {}): ApiError {
  const { reason = '', message, code, details } = (typeof body === 'object' && body !== null ? body : {}) as Partial<Status>;
  const named = Object.hasOwn(API_ERROR_CODES, reason) ? (reason as ApiErrorReason) : undefined;
  const seconds = /^\d{1,5}$/.test(headers['retry-after'] ?? '') ? { retryAfterSeconds: Number(headers['retry-after']) } : {};
  return new ApiError(named ?? REASON_OF_CODE[code ?? status] ?? 'InternalError', message ?? `the server answered ${String(status)}`, {
    details: { ...seconds, ...details },
  });
}

function queryOf({ labelSelector, fieldSelector }: ListOptions): Query {
  return [
    ...(labelSelector === undefined ? [] : [['labelSelector', labelSelector] as const]),
    ...(fieldSelector === undefined ? [] : [['fieldSelector', fieldSelector] as const]),
  ];
}

interface Asking {
  readonly method: ApiRequest['method'];
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
}

function isStream(answer: ApiResponse | ApiStream): answer is ApiStream {
  return 'events' in answer;
}

/** Typed requests over a transport. */
export function createClient({ transport, caller, userAgent }: ClientOptions): Client {
  const send = ({ method, path, query = [], body, contentType = 'application/json' }: Asking, signal: AbortSignal): ReturnType<Transport> =>
    transport(
      {
        method,
        path,
        query,
        headers: { accept: 'application/json', 'user-agent': userAgent, ...(body !== undefined && { 'content-type': contentType }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        caller,
      },
      signal,
    );
  const ask = async (asking: Asking, signal: AbortSignal): Promise<unknown> => {
    const answer = await send(asking, signal);
    if (isStream(answer)) throw new ApiError('InternalError', `${asking.path} answered with a watch`);
    if (answer.status >= 400) throw errorOf(answer.body, answer.status, answer.headers);
    return answer.body;
  };
  return {
    async get<O extends ApiObject>(kind: KindDefinition, key: ObjectKey, signal: AbortSignal) {
      return orUndefined(ask({ method: 'GET', path: objectPath(kind, key) }, signal)) as Promise<O | undefined>;
    },
    list: (kind, options, signal) => listAll(ask, kind, options, signal),
    async create<O extends ApiObject>(kind: KindDefinition, object: NewObject, signal: AbortSignal) {
      return (await ask({ method: 'POST', path: collection(kind, object.metadata.namespace), body: object }, signal)) as O;
    },
    async replace<O extends ApiObject>(kind: KindDefinition, object: O, signal: AbortSignal) {
      return (await ask({ method: 'PUT', path: objectPath(kind, object.metadata), body: object }, signal)) as O;
    },
    async replaceStatus<O extends ApiObject>(kind: KindDefinition, object: O, signal: AbortSignal) {
      return (await ask({ method: 'PUT', path: `${objectPath(kind, object.metadata)}/status`, body: object }, signal)) as O;
    },
    async patch<O extends ApiObject>(kind: KindDefinition, key: ObjectKey, patch: Readonly<Record<string, unknown>>, signal: AbortSignal) {
      const contentType = 'application/merge-patch+json';
      return (await ask({ method: 'PATCH', path: objectPath(kind, key), body: patch, contentType }, signal)) as O;
    },
    async delete(kind, { uid, ...key }, signal) {
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...(uid !== undefined && { preconditions: { uid } }) };
      await orUndefined(ask({ method: 'DELETE', path: objectPath(kind, key), body }, signal));
    },
    watch: (kind, options, signal) => watchObjects(send, kind, options, signal),
  };
}

async function orUndefined(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

interface Page<O> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly O[];
}

async function listAll<O extends ApiObject>(
  ask: (asking: Asking, signal: AbortSignal) => Promise<unknown>,
  kind: KindDefinition,
  options: ListOptions,
  signal: AbortSignal,
): Promise<ObjectList<O>> {
  const path = collection(kind, options.namespace);
  for (let tries = 1; ; tries += 1) {
    try {
      const items: O[] = [];
      for (let token = ''; ;) {
        const more = token === '' ? [] : [['continue', token] as const];
        const page = (await ask({ method: 'GET', path, query: [...queryOf(options), ['limit', PAGE], ...more] }, signal)) as Page<O>;
        items.push(...page.items.map((item) => ({ ...item, apiVersion: apiVersionOf(kind), kind: kind.kind })));
        token = page.metadata.continue ?? '';
        if (token === '') return { resourceVersion: page.metadata.resourceVersion, items };
      }
    } catch (error) {
      const expired = error instanceof ApiError && error.code === 410;
      if (!expired || tries === LIST_TRIES) throw error;
    }
  }
}

async function* watchObjects<O extends ApiObject>(
  send: (asking: Asking, signal: AbortSignal) => ReturnType<Transport>,
  kind: KindDefinition,
  options: ListOptions & { readonly resourceVersion: string },
  signal: AbortSignal,
): AsyncIterable<ObjectEvent<O>> {
  const query: Query = [
    ...queryOf(options),
    ['watch', 'true'],
    ['resourceVersion', options.resourceVersion],
    ['allowWatchBookmarks', 'true'],
  ];
  const answer = await send({ method: 'GET', path: collection(kind, options.namespace), query }, signal);
  if (!isStream(answer)) throw errorOf(answer.body, answer.status, answer.headers);
  for await (const { type, object } of answer.events) {
    if (type === 'ERROR') throw errorOf(object, 500);
    const found = object as O;
    if (type === 'BOOKMARK') yield { type, resourceVersion: found.metadata.resourceVersion };
    else yield { type, object: found };
  }
}
