import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject, type JsonObject } from '../registry/json.ts';

function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

function pruneObject(value: JsonObject, schema: StructuralSchema, path: string, unknown: string[]): JsonObject {
  const { properties = {}, additionalProperties } = schema;
  const kept: [string, unknown][] = [];
  for (const [field, part] of Object.entries(value)) {
    const known = Object.hasOwn(properties, field) ? properties[field] : additionalProperties;
    if (known !== undefined) kept.push([field, prune(part, known, join(path, field), unknown)]);
    else if (schema['x-kubernetes-preserve-unknown-fields'] === true) kept.push([field, part]);
    else unknown.push(join(path, field));
  }
  return Object.fromEntries(kept);
}

/** A JSON value without the fields that its schema does not know; their paths are added to `unknown`. */
export function prune(value: unknown, schema: StructuralSchema, path: string, unknown: string[]): unknown {
  if (isObject(value) && (schema.type === 'object' || schema.properties !== undefined)) return pruneObject(value, schema, path, unknown);
  const { items } = schema;
  if (isList(value) && items !== undefined) return value.map((item, index) => prune(item, items, `${path}[${String(index)}]`, unknown));
  return value;
}
