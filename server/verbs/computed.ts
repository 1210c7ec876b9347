import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiResponse } from '../../apis/meta/request.ts';
import { entryOf, objectIn, shapeOf, textIn, type Entry } from '../registry/entry.ts';
import { badRequest, methodNotAllowed, notFound } from '../registry/refusals.ts';
import { keyOf, type Resource } from '../registry/resource.ts';
import { matcherOf } from '../registry/selection.ts';
import { freshnessOf, listFreshnessOf } from './freshness.ts';
import type { Verb } from './query.ts';
import { selectionOf } from './selection.ts';
import { JSON_HEADERS, type Call, type ListAnswer } from './services.ts';

/** Objects of a kind that are made when they are asked for: no store keeps them, and their resourceVersion says nothing. */
export interface Computed {
  readonly kind: KindDefinition;
  /** All of them, cluster-scoped, in the order of their names. */
  list(signal: AbortSignal): Promise<readonly ApiObject[]>;
}

/** What a computed object's version is, for clients that insist on one. */
const VERSION = 1n;

function entryFor(resource: Resource, object: ApiObject): Entry {
  const { resourceVersion: _version, ...metadata } = object.metadata;
  const value = JSON.stringify({ ...object, metadata });
  return entryOf({ key: keyOf(resource, '', object.metadata.name), value, resourceVersion: VERSION }, shapeOf(resource, false));
}

/** Answers `get` and `list`; everything else is not allowed. What is computed is never older than what is asked for. */
export async function answerComputed(source: Computed, verb: Verb, call: Call, signal: AbortSignal): Promise<ApiResponse | ListAnswer> {
  const { target, query } = call;
  const { resource, name } = target;
  if (verb === 'get') {
    freshnessOf(query);
    if (query.flag('watch')) throw methodNotAllowed();
    const object = (await source.list(signal)).find(({ metadata }) => metadata.name === name);
    if (object === undefined) throw notFound(resource, name);
    const entry = entryFor(resource, object);
    return { status: 200, headers: JSON_HEADERS, body: objectIn(resource, entry), pieces: () => [Buffer.from(textIn(resource, entry))] };
  }
  if (verb !== 'list') throw methodNotAllowed();
  if (query.text('continue') !== undefined)
    throw badRequest(`lists of ${resource.kind.plural} have no continuation: they are answered whole`);
  if (listFreshnessOf(query).want === 'exact' && query.text('resourceVersionMatch') !== undefined)
    throw badRequest(`${resource.kind.plural} are computed now: no other version of them can be listed`);
  const matches = matcherOf(resource, selectionOf(call));
  const entries = (await source.list(signal)).map((object) => entryFor(resource, object)).filter(matches);
  return {
    status: 200,
    headers: JSON_HEADERS,
    body: undefined,
    list: { resource, metadata: { resourceVersion: String(VERSION) }, entries },
  };
}
