import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject, mapFields, mapItems, type JsonObject } from '../registry/json.ts';

function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

const UNKNOWN = Symbol('unknown');

/** The same object where nothing is left out: most objects are as they should be, and a copy of each costs more than the look. */
function pruneObject(value: JsonObject, schema: StructuralSchema, path: string, unknown: string[]): JsonObject {
  const { properties = {}, additionalProperties } = schema;
  const keeps = schema['x-kubernetes-preserve-unknown-fields'] === true;
  function partOf(field: string, part: unknown): unknown {
    const known = Object.hasOwn(properties, field) ? properties[field] : additionalProperties;
    if (known !== undefined) return typeof part === 'object' ? prune(part, known, join(path, field), unknown) : part;
    if (keeps) return part;
    unknown.push(join(path, field));
    return UNKNOWN;
  }
  return mapFields(value, partOf, UNKNOWN);
}

/** A JSON value without the fields that its schema does not know; their paths are added to `unknown`. */
export function prune(value: unknown, schema: StructuralSchema, path: string, unknown: string[]): unknown {
  if (isObject(value) && (schema.type === 'object' || schema.properties !== undefined)) return pruneObject(value, schema, path, unknown);
  const { items } = schema;
  if (isList(value) && items !== undefined)
    return mapItems(value, (item, index) => prune(item, items, `${path}[${String(index)}]`, unknown));
  return value;
}
