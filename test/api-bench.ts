import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CATALOG } from '../apis/catalog.ts';
import type { Status } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import type { ApiRequest, ApiResponse, Caller, WatchEvent } from '../apis/meta/request.ts';
import { openSqliteStore } from '../server/store/sqlite.ts';
import type { Store } from '../server/store/store.ts';
import { createApi, type Api, type ApiOptions } from '../server/verbs/handle.ts';

/** The clock of this machine. */
export const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

export const ADMIN: Caller = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

export interface Asked {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text is sent as it is. */
  readonly body?: unknown;
  readonly caller?: Caller;
}

/** What a test reads of an answer: an object, a list or a Status. */
export type Body = ApiObject & Omit<Status, 'metadata' | 'status' | 'kind' | 'apiVersion'> & { readonly items: readonly ApiObject[] };

export interface Answer extends ApiResponse {
  readonly body: Body;
}

export interface SeenEvent extends WatchEvent {
  readonly object: Body;
}

/** A whole API over a store in memory, with objects frozen. */
export interface Bench {
  readonly api: Api;
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly troubles: unknown[];
  ask(method: ApiRequest['method'], path: string, asked?: Asked): Promise<Answer>;
  watch(path: string, query?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<AsyncIterable<WatchEvent>>;
  create(path: string, object: unknown): Promise<ApiObject>;
  close(): Promise<void>;
}

function requestOf(method: ApiRequest['method'], path: string, { query = {}, headers = {}, body, caller = ADMIN }: Asked): ApiRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method, path, query: Object.entries(query), headers, caller, ...(body !== undefined && { body: text }) };
}

/** Opens a bench; the namespaces `default` and `lenticular-system` are there. */
export async function openBench(options: Partial<ApiOptions> = {}): Promise<Bench> {
  const stop = new AbortController();
  const { signal } = stop;
  const store = options.store ?? (await openSqliteStore({ file: ':memory:' }, signal));
  const troubles: unknown[] = [];
  let suffixes = 0;
  const api = createApi({
    store,
    catalog: CATALOG,
    clock: REAL_CLOCK,
    newUid: randomUUID,
    newSuffix: () => String((suffixes += 1)).padStart(5, '0'),
    freeze: true,
    onTrouble: (error) => troubles.push(error),
    ...options,
  });
  const running = api.run(signal);

  async function ask(method: ApiRequest['method'], path: string, asked: Asked = {}): Promise<Answer> {
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json', ...asked.headers } : asked.headers;
    const answer = await api.handle(requestOf(method, path, { ...asked, ...(headers && { headers }) }), signal);
    if ('events' in answer) throw new Error(`${method} ${path} is a watch`);
    return { ...answer, body: answer.body as Body };
  }

  async function create(path: string, object: unknown): Promise<ApiObject> {
    const { status, body } = await ask('POST', path, { body: object });
    if (status !== 201) throw new Error(`POST ${path}: ${JSON.stringify(body)}`);
    return body;
  }

  for (const name of ['default', 'lenticular-system']) {
    await ask('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
  }
  return {
    api,
    store,
    signal,
    troubles,
    ask,
    create,
    async watch(path, query = {}, watchSignal = signal) {
      const answer = await api.handle(requestOf('GET', path, { query: { watch: 'true', ...query } }), watchSignal);
      if (!('events' in answer)) throw new Error(`watch ${path}: ${JSON.stringify(answer.body)}`);
      return answer.events;
    },
    async close() {
      stop.abort();
      await running;
      await store.close();
    },
  };
}

/** Reads the next `count` events of a watch. */
export async function nextEvents(events: AsyncIterable<WatchEvent>, count: number): Promise<readonly SeenEvent[]> {
  const read: SeenEvent[] = [];
  const iterator = events[Symbol.asyncIterator]();
  while (read.length < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    read.push(next.value as SeenEvent);
  }
  return read;
}

export const zone = (name: string, more: object = {}): object => ({
  apiVersion: 'infra.lenticular.dev/v1alpha1',
  kind: 'Zone',
  metadata: { name },
  ...more,
});

export const vm = (name: string, spec: object = {}, metadata: object = {}): object => ({
  apiVersion: 'compute.lenticular.dev/v1alpha1',
  kind: 'VirtualMachine',
  metadata: { name, ...metadata },
  spec: { cpus: 1, memory: '512Mi', ...spec },
});

export const ZONES = '/apis/infra.lenticular.dev/v1alpha1/zones';
export const VMS = '/apis/compute.lenticular.dev/v1alpha1/namespaces/default/virtualmachines';
