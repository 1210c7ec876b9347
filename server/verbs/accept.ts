import { ApiError } from '../../apis/meta/api-error.ts';

/** One clause of an Accept header, for example `application/json;as=Table;g=meta.k8s.io;v=v1`; names in lower case. */
export interface AcceptClause {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The shape in which a client wants objects. */
export type Representation = 'Object' | 'Table' | 'PartialObjectMetadata';

const MAX_CLAUSES = 32;

function clauseOf(text: string): AcceptClause & { readonly weight: number } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const pairs = rest.map((part) => {
    const [name = '', ...value] = part.split('=');
    return [
      name.trim().toLowerCase(),
      value
        .join('=')
        .trim()
        .replace(/^"(.*)"$/, '$1'),
    ] as const;
  });
  const { q = '1', ...parameters } = Object.fromEntries(pairs);
  const weight = Number(q);
  return { type: type.toLowerCase(), parameters, weight: Number.isFinite(weight) ? weight : 0 };
}

/** The clauses of an Accept header, the most wanted first; a missing header accepts anything. */
export function acceptClauses(header: string | undefined): readonly AcceptClause[] {
  const texts = (header === undefined || header.trim() === '' ? '*/*' : header).split(',', MAX_CLAUSES);
  return texts
    .map(clauseOf)
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
}

/** Whether a clause takes plain JSON. */
export function takesJson({ type }: AcceptClause): boolean {
  return type === 'application/json' || type === 'application/*' || type === '*/*';
}

/** How a client wants an object or a list, from its Accept header; throws NotAcceptable where nothing that it names can be served. */
export function representationOf(header: string | undefined): Representation {
  if (header === undefined || header === 'application/json' || header === '*/*') return 'Object';
  for (const clause of acceptClauses(header)) {
    if (!takesJson(clause)) continue;
    const { as, g, v } = clause.parameters;
    if (as === undefined) return 'Object';
    if (g !== 'meta.k8s.io' || v !== 'v1') continue;
    if (as === 'Table') return 'Table';
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'PartialObjectMetadata';
  }
  throw new ApiError('NotAcceptable', 'none of the media types in Accept can be served: ask for application/json');
}
