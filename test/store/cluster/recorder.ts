import * as z from 'zod';
import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiRequest, ApiResponse, ApiStream, Transport } from '../../../apis/meta/request.ts';
import type { Line, Operation, Outcome, Snapshot, WatchRecord } from './history.ts';

const COLLECTION = '/apis/infra.lenticular.dev/v1alpha1/zones';
const VALUE = 'chaos/value';

const metadataSchema = z.object({
  name: z.string().default(''),
  resourceVersion: z.string(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const objectSchema = z.object({ metadata: metadataSchema });
const listSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }), items: z.array(objectSchema) });
const statusSchema = z.object({ code: z.number().default(0), reason: z.string().default('') });

/** What to do to a key, before its outcome is known. */
export type Attempt = Pick<Operation, 'key' | 'do' | 'value' | 'expected'>;

type Ended = { readonly ended: 'expired' | 'closed' };

/** Answers that say how the key was. */
const REFUSED = new Set([404, 409]);
/** Answers of a server that would not look, was busy, or could not reach its store. */
const UNSERVED = new Set([400, 410, 422, 429, 503]);

function request(method: ApiRequest['method'], path: string, query: ApiRequest['query'] = [], body?: unknown): ApiRequest {
  return {
    method,
    path,
    query,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    caller: { name: 'recorder', groups: [] },
  };
}

function requestOf({ key, do: verb, value, expected }: Attempt): ApiRequest {
  const path = `${COLLECTION}/${key}`;
  if (verb === 'get') return request('GET', path);
  if (verb === 'delete')
    return request('DELETE', path, [], { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion: String(expected) } });
  const metadata = {
    name: key,
    annotations: { [VALUE]: value },
    ...(expected === undefined ? {} : { resourceVersion: String(expected) }),
  };
  const object = { apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Zone', metadata, spec: {} };
  return verb === 'create' ? request('POST', COLLECTION, [], object) : request('PUT', path, [], object);
}

/** Makes one call and says what is known of it; never rejects but for a defect of the answer. */
export async function attempt(transport: Transport, what: Attempt, signal: AbortSignal): Promise<Operation> {
  const startedMs = performance.now();
  let answer: ApiResponse | ApiStream | undefined;
  let sent = true;
  try {
    answer = await transport(requestOf(what), signal);
  } catch (error) {
    sent = !(error instanceof ApiError) || error.reason !== 'ServiceUnavailable';
  }
  const now = performance.now();
  const outcome = outcomeOf(what, answer, sent);
  const endedMs = outcome.is === 'unknown' ? Infinity : now;
  const seen = what.do === 'get' && answer !== undefined && outcome.is === 'done' ? valueOf(objectSchema.parse(bodyOf(answer))) : undefined;
  return { ...what, ...(seen === undefined ? {} : { value: seen }), startedMs, endedMs, outcome };
}

function outcomeOf({ do: verb }: Attempt, answer: ApiResponse | ApiStream | undefined, sent: boolean): Outcome {
  if (answer === undefined) return { is: sent && verb !== 'get' ? 'unknown' : 'unserved' };
  if (answer.status === 200 || answer.status === 201) {
    return verb === 'delete' ? { is: 'removed' } : { is: 'done', version: versionOf(objectSchema.parse(bodyOf(answer))) };
  }
  if (verb === 'get') return { is: answer.status === 404 ? 'absent' : 'unserved' };
  if (REFUSED.has(answer.status)) return { is: 'refused' };
  return { is: UNSERVED.has(answer.status) ? 'unserved' : 'unknown' };
}

function bodyOf(answer: ApiResponse | ApiStream): unknown {
  return 'body' in answer ? answer.body : undefined;
}

function versionOf({ metadata }: z.infer<typeof objectSchema>): bigint {
  return BigInt(metadata.resourceVersion);
}

function valueOf({ metadata }: z.infer<typeof objectSchema>): string {
  return metadata.annotations?.[VALUE] ?? '';
}

/** One consistent list of all keys; rejects where the server does not answer. */
export async function snapshot(transport: Transport, signal: AbortSignal): Promise<Snapshot> {
  const answer = await transport(request('GET', COLLECTION), signal);
  const { metadata, items } = listSchema.parse(bodyOf(answer));
  return {
    version: BigInt(metadata.resourceVersion),
    objects: new Map(items.map((item) => [item.metadata.name, { version: versionOf(item), value: valueOf(item) }])),
  };
}

/** A watch that fills its record as it goes. */
export interface Recording {
  readonly record: WatchRecord;
  /** Resolves at the end of the watch, whatever ended it. */
  readonly done: Promise<Ended>;
}

/** Watches after a version and writes down every line. */
export function recordWatch(transport: Transport, name: string, after: bigint, signal: AbortSignal): Recording {
  const lines: Line[] = [];
  return { record: { name, after, lines }, done: follow(transport, after, (line) => lines.push(line), signal) };
}

/** Watches after a version and tells every line as it comes; resolves at the end of the watch, whatever ended it. */
export async function follow(transport: Transport, after: bigint, told: (line: Line) => void, signal: AbortSignal): Promise<Ended> {
  const query: ApiRequest['query'] = [
    ['watch', 'true'],
    ['allowWatchBookmarks', 'true'],
    ['resourceVersion', String(after)],
  ];
  try {
    const answer = await transport(request('GET', COLLECTION, query), signal);
    if (!('events' in answer)) return { ended: answer.status === 410 ? 'expired' : 'closed' };
    for await (const { type, object } of answer.events) {
      if (type === 'ERROR') return { ended: statusSchema.parse(object).code === 410 ? 'expired' : 'closed' };
      const parsed = objectSchema.parse(object);
      const version = versionOf(parsed);
      if (type === 'BOOKMARK') told({ type, version });
      else told({ type, version, key: parsed.metadata.name, value: valueOf(parsed) });
    }
  } catch (error) {
    if (error instanceof z.ZodError) throw error;
  }
  return { ended: 'closed' };
}
