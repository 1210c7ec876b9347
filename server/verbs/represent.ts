import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiRequest, ApiResponse, ApiStream, WatchEvent } from '../../apis/meta/request.ts';
import { isObject, type JsonObject } from '../registry/json.ts';
import { badRequest } from '../registry/refusals.ts';
import { representationOf } from './accept.ts';
import { partialListOf, partialOf, tableOf, type IncludeObject, type TableOptions } from './table.ts';

type Shape = (body: JsonObject, first: boolean) => JsonObject;

interface ListBody {
  readonly metadata: JsonObject;
  readonly items: readonly ApiObject[];
}

function isListBody(body: JsonObject): body is JsonObject & ListBody {
  return Array.isArray(body.items) && isObject(body.metadata);
}

function includeObjectOf({ query }: ApiRequest): IncludeObject {
  const value = query.find(([name]) => name === 'includeObject')?.[1] ?? 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest('query parameter includeObject must be None, Metadata or Object');
}

/** How bodies are reshaped; undefined: not at all. */
function shapeOf(request: ApiRequest, kind: KindDefinition, now: () => number): Shape | undefined {
  const representation = representationOf(request.headers.accept);
  if (representation === 'Object') return undefined;
  if (representation === 'PartialObjectMetadata') {
    return (body) => (isListBody(body) ? partialListOf(body.items, body.metadata) : partialOf(body as unknown as ApiObject));
  }
  const includeObject = includeObjectOf(request);
  return (body, first) => {
    const object = body as unknown as ApiObject;
    const [objects, metadata] = isListBody(body)
      ? [body.items, body.metadata]
      : [[object], { resourceVersion: object.metadata.resourceVersion }];
    const options: TableOptions = { nowMs: now(), includeObject, metadata, definitions: first };
    return { ...tableOf(kind, objects, options) };
  };
}

async function* reshaped(events: AsyncIterable<WatchEvent>, shape: Shape): AsyncIterable<WatchEvent> {
  let first = true;
  for await (const event of events) {
    const keeps = event.type === 'ERROR' || !isObject(event.object);
    yield keeps ? event : { type: event.type, object: shape(event.object, first) };
    first = false;
  }
}

/** A function that puts good answers into the shape that a request accepts: objects, a table, or metadata only; ApiError where it accepts none. */
export function representer(
  request: ApiRequest,
  kind: KindDefinition,
  now: () => number,
): (answer: ApiResponse | ApiStream) => ApiResponse | ApiStream {
  const shape = shapeOf(request, kind, now);
  return (answer) => {
    if (shape === undefined) return answer;
    if ('events' in answer) return { ...answer, events: reshaped(answer.events, shape) };
    const { body } = answer;
    return isObject(body) && body.kind !== 'Status' ? { ...answer, body: shape(body, true) } : answer;
  };
}
