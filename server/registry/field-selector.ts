import type { ApiObject } from '../../apis/meta/object.ts';
import { valueAt } from './json.ts';
import { badRequest } from './refusals.ts';
import type { Resource } from './resource.ts';

interface Term {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

const EVERYWHERE = ['metadata.name', 'metadata.namespace'];

/** Splits at commas; a backslash takes the next character as it is. */
function termsOf(text: string): readonly string[] {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).filter((term) => term !== '');
}

function termOf(text: string): Term {
  const match = /^([^=!\\]+)(==|=|!=)((?:\\[\\,=]|[^\\,=])*)$/.exec(text);
  if (match === null) throw badRequest(`invalid field selector ${JSON.stringify(text)}: use path=value or path!=value`);
  const [, path = '', operator, value = ''] = match;
  return { path: path.trim(), equal: operator !== '!=', value: value.replace(/\\(.)/g, '$1') };
}

/** What a field selector compares: text as it is, numbers and booleans as text, nothing else. */
function textAt(object: ApiObject, path: string): string {
  const value = valueAt(object, path);
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** A test of objects from a field selector as a list or watch parameter; ApiError BadRequest for wrong syntax and for fields that the kind does not offer. */
export function parseFieldSelector({ kind }: Resource, text: string): (object: ApiObject) => boolean {
  const terms = termsOf(text).map(termOf);
  const offered = [...EVERYWHERE, ...kind.selectableFields];
  for (const { path } of terms) {
    if (!offered.includes(path)) throw badRequest(`field label not supported: ${path}: ${kind.kind} offers ${offered.join(', ')}`);
  }
  return (object) => terms.every(({ path, equal, value }) => (textAt(object, path) === value) === equal);
}
