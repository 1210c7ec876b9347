import type { LabelSelector } from '../../apis/meta/selector.ts';
import { selects } from '../../apis/meta/selector.ts';
import { objectIn, textAt, type Entry } from './entry.ts';
import type { FieldTerm } from './field-selector.ts';
import type { Resource } from './resource.ts';

/** Which objects of a collection are asked for: those that satisfy all expressions and all terms. */
export interface Selection {
  readonly labels: NonNullable<LabelSelector['matchExpressions']>;
  readonly fields: readonly FieldTerm[];
}

/** Whether a selection may leave anything out. */
export function isSelective({ labels, fields }: Selection): boolean {
  return labels.length > 0 || fields.length > 0;
}

/** How a field of an entry is read without its whole object, where that can be. */
function reader(resource: Resource, path: string): (entry: Entry) => string {
  if (path === 'metadata.name') return ({ key }) => key.slice(key.lastIndexOf('/') + 1);
  const namespaced = resource.kind.scope === 'Namespaced';
  if (path === 'metadata.namespace') {
    return ({ key }) => (namespaced ? key.slice(resource.prefix.length, key.lastIndexOf('/')) : '');
  }
  const at = resource.kind.storedAs === undefined ? resource.kind.selectableFields.indexOf(path) : -1;
  return at < 0 ? (entry) => textAt(objectIn(resource, entry), path) : ({ fields }) => fields[at] ?? '';
}

/** A test of entries. */
export function matcherOf(resource: Resource, { labels, fields }: Selection): (entry: Entry) => boolean {
  const terms = fields.map(({ path, equal, value }) => ({ read: reader(resource, path), equal, value }));
  const selector = { matchExpressions: labels };
  return (entry) =>
    (labels.length === 0 || selects(selector, entry.labels)) && terms.every(({ read, equal, value }) => (read(entry) === value) === equal);
}

/** A name for "this label has this value"; no label holds a zero character. */
export function labelToken(key: string, value: string): string {
  return `${key}\0${value}`;
}

/** A name for "the field at this place of the shape has this value"; no label begins with a zero character. */
export function fieldToken(at: number, value: string): string {
  return `\0${String(at)}\0${value}`;
}

/** Names of conditions that each selected entry meets, as far as an index knows them. */
export function tokensOf({ kind }: Resource, { labels, fields }: Selection): readonly string[] {
  const byLabel = labels.flatMap(({ key, operator, values = [] }) =>
    operator === 'In' && values.length === 1 ? [labelToken(key, values[0] ?? '')] : [],
  );
  const byField = fields.flatMap(({ path, equal, value }) => {
    const at = kind.storedAs === undefined ? kind.selectableFields.indexOf(path) : -1;
    return equal && value !== '' && at >= 0 ? [fieldToken(at, value)] : [];
  });
  return [...byLabel, ...byField];
}

/** The name that all selected objects have, where the selection names one. */
export function nameIn({ fields }: Selection): string | undefined {
  return fields.find(({ path, equal }) => equal && path === 'metadata.name')?.value;
}
