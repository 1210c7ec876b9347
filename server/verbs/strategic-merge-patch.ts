import { isList, isObject, type JsonObject } from '../registry/json.ts';
import { badRequest } from '../registry/refusals.ts';

/** How Kubernetes' own kinds merge their lists: by a key of the items, or as a set of scalars. All other lists are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = { ownerReferences: 'uid', conditions: 'type' };
const SETS: readonly string[] = ['finalizers'];

const DIRECTIVE = /^\$(?:deleteFromPrimitiveList|setElementOrder)\/(.+)$/;

function mergeItems(target: readonly unknown[], patch: readonly unknown[], key: string): readonly unknown[] {
  const items = new Map(target.map((item) => [isObject(item) ? item[key] : item, item]));
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`the patch has an item without ${key} in a list that is merged by it`);
    if (item.$patch === 'replace') continue;
    if (item[key] === undefined) throw badRequest(`the patch has an item without ${key} in a list that is merged by it`);
    if (item.$patch === 'delete') items.delete(item[key]);
    else items.set(item[key], strategicMergePatch(items.get(item[key]) ?? {}, item));
  }
  return [...items.values()];
}

function mergeList(field: string, target: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  const plain = patch.filter((item) => !(isObject(item) && item.$patch === 'replace'));
  if (plain.length < patch.length) return plain;
  const key = MERGE_KEYS[field];
  if (key !== undefined) return mergeItems(target, patch, key);
  return SETS.includes(field) ? [...new Set([...target, ...patch])] : patch;
}

/** Sorts a list as the patch asks: what it names, in that order; what it does not name stays behind. */
function ordered(list: readonly unknown[], order: readonly unknown[], key: string | undefined): readonly unknown[] {
  const nameOf = (item: unknown): unknown => (key !== undefined && isObject(item) ? item[key] : item);
  const wanted = order.map(nameOf);
  const place = (item: unknown): number => {
    const index = wanted.indexOf(nameOf(item));
    return index < 0 ? wanted.length : index;
  };
  return list.toSorted((left, right) => place(left) - place(right));
}

function applyDirectives(result: Map<string, unknown>, patch: JsonObject): void {
  for (const [directive, value] of Object.entries(patch)) {
    const field = DIRECTIVE.exec(directive)?.[1];
    const list = field === undefined ? undefined : result.get(field);
    if (field === undefined || !isList(list) || !isList(value)) continue;
    if (directive.startsWith('$delete')) {
      result.set(
        field,
        list.filter((item) => !value.includes(item)),
      );
    } else result.set(field, ordered(list, value, MERGE_KEYS[field]));
  }
}

/**
 * A strategic merge patch applied to an object of one of Kubernetes' own kinds: as a merge patch, but that some lists are merged, and with
 * the directives $patch, $retainKeys, $deleteFromPrimitiveList and $setElementOrder.
 */
export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const { $patch: directive, $retainKeys: retain } = patch;
  const plain = Object.entries(patch).filter(([field]) => !field.startsWith('$'));
  if (directive === 'replace') return Object.fromEntries(plain);
  if (directive === 'delete') return undefined;
  if (directive !== undefined && directive !== 'merge') throw badRequest(`the patch has an unknown $patch: ${JSON.stringify(directive)}`);
  const kept = Object.entries(isObject(target) ? target : {}).filter(([field]) => !isList(retain) || retain.includes(field));
  const result = new Map(kept);
  for (const [field, value] of plain) {
    const old = result.get(field);
    const merged =
      isList(value) && isList(old) ? mergeList(field, old, value) : value === null ? undefined : strategicMergePatch(old, value);
    if (merged === undefined) result.delete(field);
    else result.set(field, merged);
  }
  applyDirectives(result, patch);
  return Object.fromEntries(result);
}
