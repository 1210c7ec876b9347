import { API_ERROR_CODES, ApiError, type ApiErrorReason, type StatusDetails } from '../../apis/meta/api-error.ts';
import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiRequest, Caller, Transport } from '../../apis/meta/request.ts';
import { isObject, type JsonObject } from '../registry/json.ts';

/** Whom the server's own loops ask as. */
const SERVER: Caller = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

/** Where one object is; `namespace` is empty for cluster-scoped kinds. */
export interface Place {
  readonly kind: KindDefinition;
  readonly namespace: string;
  readonly name: string;
}

/** Asks the API as the server itself. Every call rejects with ApiError where the answer is a failure. */
export interface Speaker {
  get(place: Place, signal: AbortSignal): Promise<ApiObject>;
  create(place: Place, fields: JsonObject, signal: AbortSignal): Promise<ApiObject>;
  /** Replaces the object, or a part of it that has a path of its own. */
  replace(place: Place, part: '' | 'status' | 'finalize', object: ApiObject, signal: AbortSignal): Promise<ApiObject>;
  mergePatch(place: Place, patch: JsonObject, signal: AbortSignal): Promise<ApiObject>;
  remove(place: Place, options: JsonObject, signal: AbortSignal): Promise<void>;
}

function pathOf({ kind, namespace, name }: Place): string {
  const root = kind.group === '' ? '/api' : '/apis';
  return `${root}/${apiVersionOf(kind)}${namespace === '' ? '' : `/namespaces/${namespace}`}/${kind.plural}${name === '' ? '' : `/${name}`}`;
}

function isReason(reason: unknown): reason is ApiErrorReason {
  return typeof reason === 'string' && Object.hasOwn(API_ERROR_CODES, reason);
}

function errorOf(body: unknown): ApiError {
  const status = isObject(body) ? body : {};
  const reason = isReason(status.reason) ? status.reason : 'InternalError';
  const details = isObject(status.details) ? { details: status.details as StatusDetails } : {};
  return new ApiError(reason, typeof status.message === 'string' ? status.message : 'the API answered without a Status', details);
}

/** A speaker over the transport of the same process. */
export function createSpeaker(handle: Transport): Speaker {
  async function ask(method: ApiRequest['method'], path: string, body: JsonObject | undefined, signal: AbortSignal): Promise<ApiObject> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const request = { method, path, query: [], headers: { 'content-type': type }, caller: SERVER };
    const answer = await handle(body === undefined ? request : { ...request, body: JSON.stringify(body) }, signal);
    if ('events' in answer || answer.status >= 400) throw errorOf('events' in answer ? undefined : answer.body);
    return answer.body as ApiObject;
  }

  return {
    get: (place, signal) => ask('GET', pathOf(place), undefined, signal),
    create(place, fields, signal) {
      const object = { apiVersion: apiVersionOf(place.kind), kind: place.kind.kind, metadata: { name: place.name }, ...fields };
      return ask('POST', pathOf({ ...place, name: '' }), object, signal);
    },
    replace: (place, part, object, signal) => ask('PUT', `${pathOf(place)}${part === '' ? '' : `/${part}`}`, object, signal),
    mergePatch: (place, patch, signal) => ask('PATCH', pathOf(place), patch, signal),
    async remove(place, options, signal) {
      await ask('DELETE', pathOf(place), { apiVersion: 'v1', kind: 'DeleteOptions', ...options }, signal);
    },
  };
}

/** Whether an error says that somebody else was faster: the object is gone or has changed. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof ApiError && (error.reason === 'NotFound' || error.reason === 'Conflict');
}
