import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiRequest, ApiResponse, ApiStream, WatchEvent } from '../../apis/meta/request.ts';
import { objectIn, textIn, type Entry } from '../registry/entry.ts';
import { isObject, type JsonObject } from '../registry/json.ts';
import { badRequest } from '../registry/refusals.ts';
import { representationOf } from './accept.ts';
import { encodedList, type ItemShape } from './encoded-list.ts';
import type { ListAnswer } from './services.ts';
import { partialListOf, partialOf, tableOf, type IncludeObject, type TableOptions } from './table.ts';

/** How an object is shown; `first` only where nothing was shown before it. */
type Shape = (object: ApiObject, first: boolean) => JsonObject;

/** How single objects and lists are shown. */
interface Representation {
  /** Undefined: as they are. */
  readonly single: Shape | undefined;
  readonly list: (answer: ListAnswer['list']) => ItemShape;
}

function includeObjectOf({ query }: ApiRequest): IncludeObject {
  const value = query.find(([name]) => name === 'includeObject')?.[1] ?? 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest('query parameter includeObject must be None, Metadata or Object');
}

const AS_IT_IS: Representation = {
  single: undefined,
  list: ({ resource, metadata }) => ({
    envelope: { kind: `${resource.kind.kind}List`, apiVersion: resource.apiVersion, metadata },
    field: 'items',
    value: (entry) => objectIn(resource, entry),
    text: (entry) => textIn(resource, entry),
  }),
};

const METADATA_ONLY: Representation = {
  single: partialOf,
  list: ({ resource, metadata }) => shaped(partialListOf(metadata), 'items', (entry) => partialOf(objectIn(resource, entry))),
};

function shaped(envelope: JsonObject, field: string, value: (entry: Entry) => unknown): ItemShape {
  return { envelope, field, value, text: (entry) => JSON.stringify(value(entry)) };
}

function tableFor(request: ApiRequest, kind: KindDefinition, now: () => number): Representation {
  const includeObject = includeObjectOf(request);
  return {
    single(object, first) {
      const { resourceVersion } = object.metadata;
      return { ...tableOf(kind, [object], { nowMs: now(), includeObject, metadata: { resourceVersion }, definitions: first }) };
    },
    list({ resource, metadata }) {
      const options: TableOptions = { nowMs: now(), includeObject, metadata };
      const row = (entry: Entry): unknown => tableOf(kind, [objectIn(resource, entry)], { ...options, definitions: false }).rows[0];
      return shaped({ ...tableOf(kind, [], options) }, 'rows', row);
    },
  };
}

function representationFor(request: ApiRequest, kind: KindDefinition, now: () => number): Representation {
  switch (representationOf(request.headers.accept)) {
    case 'Object':
      return AS_IT_IS;
    case 'PartialObjectMetadata':
      return METADATA_ONLY;
    case 'Table':
      return tableFor(request, kind, now);
  }
}

async function* reshaped(events: AsyncIterable<WatchEvent>, shape: Shape): AsyncIterable<WatchEvent> {
  let first = true;
  for await (const event of events) {
    const keeps = event.type === 'ERROR' || !isObject(event.object);
    yield keeps ? event : { type: event.type, object: shape(event.object as unknown as ApiObject, first) };
    first = false;
  }
}

/** A function that puts good answers into the shape that a request accepts: objects, a table, or metadata only; ApiError where it accepts none. */
export function representer(
  request: ApiRequest,
  kind: KindDefinition,
  now: () => number,
): (answer: ApiResponse | ApiStream | ListAnswer) => ApiResponse | ApiStream {
  const { single, list } = representationFor(request, kind, now);
  return (answer) => {
    if ('list' in answer) return encodedList(answer.list.entries, list(answer.list), answer.headers);
    if (single === undefined) return answer;
    if ('events' in answer) return { ...answer, events: reshaped(answer.events, single) };
    const { status, headers, body } = answer;
    return isObject(body) && body.kind !== 'Status' ? { status, headers, body: single(body as unknown as ApiObject, true) } : answer;
  };
}
