import { ApiError } from '../../apis/meta/api-error.ts';
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
import { headersWith, JSON_HEADERS, type Call, type ListAnswer } from './services.ts';

/** What was computed. */
export interface Computation {
  /** All of them, cluster-scoped. */
  readonly objects: readonly ApiObject[];
  /** Why some may be missing, for whoever asked. */
  readonly warnings?: readonly string[];
}

/** Objects of a kind that are made when they are asked for: no store keeps them, and their resourceVersion says nothing. */
export interface Computed {
  readonly kind: KindDefinition;
  list(signal: AbortSignal): Promise<Computation>;
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
    const { objects, warnings = [] } = await source.list(signal);
    const object = objects.find(({ metadata }) => metadata.name === name);
    const [missing] = warnings;
    // Who cannot be asked may well have it.
    if (object === undefined && missing !== undefined) throw new ApiError('ServiceUnavailable', missing);
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
  const { objects, warnings = [] } = await source.list(signal);
  const sorted = [...objects].sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  const entries = sorted.map((object) => entryFor(resource, object)).filter(matches);
  return {
    status: 200,
    headers: headersWith(warnings),
    body: undefined,
    list: { resource, metadata: { resourceVersion: String(VERSION) }, entries },
  };
}
