import type { ApiResponse } from '../../apis/meta/request.ts';
import { objectIn, textIn } from '../registry/entry.ts';
import { badRequest, notFound } from '../registry/refusals.ts';
import { freshnessOf } from './freshness.ts';
import { JSON_HEADERS, type Call, type Services } from './services.ts';

/** One object. */
export async function getObject({ registry }: Services, { target, query }: Call, signal: AbortSignal): Promise<ApiResponse> {
  const { resource, namespace, name } = target;
  if (query.flag('watch')) throw badRequest('one object is watched through its collection, with fieldSelector=metadata.name=NAME');
  const entry = await registry.get(resource, namespace, name, freshnessOf(query), signal);
  if (entry === undefined) throw notFound(resource, name);
  return {
    status: 200,
    headers: JSON_HEADERS,
    get body() {
      return objectIn(resource, entry);
    },
    pieces: () => [Buffer.from(textIn(resource, entry))],
  };
}
