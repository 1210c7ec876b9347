import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject, mapFields, mapItems, type JsonObject } from '../registry/json.ts';

/** Whether a value is a null that its schema does not allow: it counts as absent. */
function isStrayNull(value: unknown, schema: StructuralSchema | undefined): boolean {
  return value === null && schema !== undefined && schema.nullable !== true;
}

const ABSENT = Symbol('absent');

/** The properties of a schema that have a default; asked again and again of the same few schemas. */
const defaulted = new WeakMap<StructuralSchema, readonly (readonly [field: string, schema: StructuralSchema])[]>();

function defaultedOf(schema: StructuralSchema): readonly (readonly [field: string, schema: StructuralSchema])[] {
  let found = defaulted.get(schema);
  if (found === undefined) {
    found = Object.entries(schema.properties ?? {}).filter(([, property]) => property.default !== undefined);
    defaulted.set(schema, found);
  }
  return found;
}

function defaultObject(value: JsonObject, schema: StructuralSchema): JsonObject {
  const { properties = {}, additionalProperties } = schema;
  function partOf(field: string, part: unknown): unknown {
    const known = Object.hasOwn(properties, field) ? properties[field] : additionalProperties;
    if (known === undefined) return part;
    if (!isStrayNull(part, known)) return typeof part === 'object' ? applyDefaults(part, known) : part;
    return known.default === undefined ? ABSENT : applyDefaults(known.default, known);
  }
  const given = mapFields(value, partOf, ABSENT);
  const missing = defaultedOf(schema).filter(([field]) => !Object.hasOwn(given, field));
  if (missing.length === 0) return given;
  const filled: Record<string, unknown> = { ...given };
  for (const [field, property] of missing) filled[field] = applyDefaults(property.default, property);
  return filled;
}

/**
 * A JSON value with its schema's defaults, as Kubernetes fills them in: where a field is absent, or null without being nullable; also
 * inside a default. A null that is neither allowed nor defaulted is dropped. The same value where nothing is missing.
 */
export function applyDefaults(value: unknown, schema: StructuralSchema): unknown {
  if (isObject(value)) return defaultObject(value, schema);
  const { items } = schema;
  if (!isList(value) || items === undefined) return value;
  return mapItems(value, (item) => applyDefaults(isStrayNull(item, items) && items.default !== undefined ? items.default : item, items));
}
