import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject, type JsonObject } from '../registry/json.ts';

/** Whether a value is a null that its schema does not allow: it counts as absent. */
function isStrayNull(value: unknown, schema: StructuralSchema | undefined): boolean {
  return value === null && schema !== undefined && schema.nullable !== true;
}

function defaultObject(value: JsonObject, { properties = {}, additionalProperties }: StructuralSchema): JsonObject {
  const schemaOf = (field: string): StructuralSchema | undefined =>
    Object.hasOwn(properties, field) ? properties[field] : additionalProperties;
  const filled = new Map<string, unknown>();
  for (const [field, part] of Object.entries(value)) {
    const schema = schemaOf(field);
    if (!isStrayNull(part, schema)) filled.set(field, part);
    else if (schema?.default !== undefined) filled.set(field, schema.default);
  }
  for (const [field, schema] of Object.entries(properties)) {
    if (schema.default !== undefined && !filled.has(field)) filled.set(field, schema.default);
  }
  return Object.fromEntries(
    [...filled].map(([field, part]) => {
      const schema = schemaOf(field);
      return [field, schema === undefined ? part : applyDefaults(part, schema)];
    }),
  );
}

/**
 * A JSON value with its schema's defaults, as Kubernetes fills them in: where a field is absent, or null without being nullable; also
 * inside a default. A null that is neither allowed nor defaulted is dropped.
 */
export function applyDefaults(value: unknown, schema: StructuralSchema): unknown {
  if (isObject(value)) return defaultObject(value, schema);
  const { items } = schema;
  if (!isList(value) || items === undefined) return value;
  return value.map((item) => applyDefaults(isStrayNull(item, items) && items.default !== undefined ? items.default : item, items));
}
