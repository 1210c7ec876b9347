import type { ApiResponse } from '../../apis/meta/request.ts';
import { badRequest, notFound } from '../registry/refusals.ts';
import { freshnessOf } from './freshness.ts';
import { jsonAnswer, type Call, type Services } from './services.ts';

/** One object. */
export async function getObject({ registry }: Services, { target, query }: Call, signal: AbortSignal): Promise<ApiResponse> {
  const { resource, namespace, name } = target;
  if (query.flag('watch')) throw badRequest('one object is watched through its collection, with fieldSelector=metadata.name=NAME');
  const object = await registry.get(resource, namespace, name, freshnessOf(query), signal);
  if (object === undefined) throw notFound(resource, name);
  return jsonAnswer(200, object);
}
