import type { StatusCause } from '../../apis/meta/api-error.ts';
import type { StructuralSchema } from '../../apis/meta/structural.ts';
import { isList, isObject } from '../registry/json.ts';
import { duplicate } from './causes.ts';

/** What must be unique, as JSON: the item, or its key fields with their names. */
function keyText(item: unknown, schema: StructuralSchema): string | undefined {
  const type = schema['x-kubernetes-list-type'];
  if (type === 'set') return JSON.stringify(item);
  if (type !== 'map' || !isObject(item)) return undefined;
  return JSON.stringify(Object.fromEntries((schema['x-kubernetes-list-map-keys'] ?? []).map((key) => [key, item[key]])));
}

function repeats(list: readonly unknown[], schema: StructuralSchema, path: string): readonly StatusCause[] {
  const seen = new Set<string>();
  return list.flatMap((item, index) => {
    const key = keyText(item, schema);
    if (key === undefined) return [];
    if (seen.has(key)) return [duplicate(`${path}[${String(index)}]`, key)];
    seen.add(key);
    return [];
  });
}

/** The items of list-maps and sets that are there twice, by key. */
export function duplicateItems(value: unknown, schema: StructuralSchema, path = ''): readonly StatusCause[] {
  const { items, properties = {}, additionalProperties } = schema;
  if (isList(value) && items !== undefined) {
    return [...repeats(value, schema, path), ...value.flatMap((item, index) => duplicateItems(item, items, `${path}[${String(index)}]`))];
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([field, part]) => {
    const below = Object.hasOwn(properties, field) ? properties[field] : additionalProperties;
    return below === undefined ? [] : duplicateItems(part, below, path === '' ? field : `${path}.${field}`);
  });
}
