import { badRequest } from './refusals.ts';
import type { Resource } from './resource.ts';

/** One condition of a field selector. */
export interface FieldTerm {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

const EVERYWHERE = ['metadata.name', 'metadata.namespace'];

/** Splits at commas; a backslash takes the next character as it is. */
function termsOf(text: string): readonly string[] {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).filter((term) => term !== '');
}

function termOf(text: string): FieldTerm {
  const match = /^([^=!\\]+)(==|=|!=)((?:\\[\\,=]|[^\\,=])*)$/.exec(text);
  if (match === null) throw badRequest(`invalid field selector ${JSON.stringify(text)}: use path=value or path!=value`);
  const [, path = '', operator, value = ''] = match;
  return { path: path.trim(), equal: operator !== '!=', value: value.replace(/\\(.)/g, '$1') };
}

/** What a field selector as a list or watch parameter asks for; ApiError BadRequest for wrong syntax and for fields that the kind does not offer. */
export function parseFieldSelector({ kind }: Resource, text: string): readonly FieldTerm[] {
  const terms = termsOf(text).map(termOf);
  const offered = [...EVERYWHERE, ...kind.selectableFields];
  for (const { path } of terms) {
    if (!offered.includes(path)) throw badRequest(`field label not supported: ${path}: ${kind.kind} offers ${offered.join(', ')}`);
  }
  return terms;
}
