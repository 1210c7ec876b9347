import { apiVersionOf, verbsOf, type KindDefinition } from './meta/kind.ts';
import { metaName, refTo } from './openapi-meta.ts';

type Json = Readonly<Record<string, unknown>>;

/** The formats of a PATCH that every kind takes. */
export const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json'] as const;

/** The name of a kind's schema: the group's labels backwards, then version and kind. */
export function schemaName({ group, version, kind }: KindDefinition): string {
  const reversed = group === '' ? 'io.k8s.api.core' : group.split('.').reverse().join('.');
  return `${reversed}.${version}.${kind}`;
}

const parameter = (name: string, place: 'query' | 'path', type: string, description: string): Json => ({
  name,
  in: place,
  description,
  ...(place === 'path' ? { required: true } : {}),
  schema: { type, uniqueItems: true },
});
const query = (name: string, type: string, description: string): Json => parameter(name, 'query', type, description);

const NAME = parameter('name', 'path', 'string', 'The name of the object.');
const NAMESPACE = parameter('namespace', 'path', 'string', 'The namespace of the object.');
const PRETTY = query('pretty', 'string', 'Whether the answer is indented.');
const WRITE = [
  query('dryRun', 'string', 'All: everything is checked and answered as if, and nothing is stored.'),
  query('fieldManager', 'string', 'Who writes, at most 128 characters.'),
  query(
    'fieldValidation',
    'string',
    'What becomes of unknown and duplicate fields. Ignore: dropped. Warn: dropped with a warning. Strict: refused.',
  ),
];
const FORCE = query('force', 'boolean', 'Takes fields over from other managers; for apply only.');
const LIST = [
  query('allowWatchBookmarks', 'boolean', 'Whether a watch sends bookmarks.'),
  query('continue', 'string', 'The next part of a long list.'),
  query('fieldSelector', 'string', 'Fields that objects must have.'),
  query('labelSelector', 'string', 'Labels that objects must have.'),
  query('limit', 'integer', 'At most so many objects in one answer.'),
  query('resourceVersion', 'string', 'The version to read at or after.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Whether a watch begins with the objects that are.'),
  query('timeoutSeconds', 'integer', 'How long a watch lasts.'),
  query('watch', 'boolean', 'Whether changes follow, one JSON object a line.'),
];
const DELETE = [
  query('dryRun', 'string', 'All: nothing is deleted.'),
  query('gracePeriodSeconds', 'integer', 'Seconds given to an orderly end.'),
  query('propagationPolicy', 'string', 'What becomes of dependents: Background, Foreground or Orphan.'),
];

function answers(schema: string, codes: readonly (readonly [code: string, text: string])[]): Json {
  const content = { 'application/json': { schema: refTo(schema) } };
  const given = codes.map(([code, description]): readonly [string, Json] => [code, { description, content }]);
  return Object.fromEntries<Json>([...given, ['401', { description: 'Unauthorized' }]]);
}

function body(types: readonly string[], schema: string, required: boolean): Json {
  return { content: Object.fromEntries(types.map((type) => [type, { schema: refTo(schema) }])), ...(required ? { required } : {}) };
}

interface Operation {
  readonly action: string;
  readonly id: string;
  readonly description: string;
  readonly answer: string;
  readonly codes?: readonly (readonly [code: string, text: string])[];
  readonly parameters?: readonly Json[];
  readonly requestBody?: Json;
}

const OK = ['200', 'OK'] as const;
const CREATED = ['201', 'Created'] as const;

function operationsOf(kind: KindDefinition): (operation: Operation) => Json {
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const tag = apiVersionOf(kind).replaceAll(/[^A-Za-z0-9]/g, '_');
  return ({ action, id, description, answer, codes = [OK], parameters = [], requestBody }) => ({
    tags: [tag],
    description,
    operationId: `${id}_${tag}_${kind.kind}`,
    parameters,
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: answers(answer, codes),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  });
}

/** Reads and writes of one object; of a subresource, only what a subresource has. */
function objectPath(kind: KindDefinition, subresource: '' | 'Status'): Json {
  const made = operationsOf(kind);
  const name = schemaName(kind);
  const what = subresource === '' ? `a ${kind.kind}` : `the status of a ${kind.kind}`;
  const json = ['application/json'];
  const remove = made({
    action: 'delete',
    id: 'delete',
    description: `Deletes ${what}.`,
    answer: metaName('Status'),
    codes: [OK, ['202', 'Accepted']],
    parameters: DELETE,
    requestBody: body(json, metaName('DeleteOptions'), false),
  });
  const get = made({ action: 'get', id: `read${subresource}`, description: `Reads ${what}.`, answer: name });
  const parameters = [...(kind.scope === 'Namespaced' ? [NAME, NAMESPACE] : [NAME]), PRETTY];
  if (!verbsOf(kind).includes('update')) return { parameters, get };
  return {
    parameters,
    get,
    put: made({
      action: 'put',
      id: `replace${subresource}`,
      description: `Replaces ${what}.`,
      answer: name,
      codes: [OK, CREATED],
      parameters: WRITE,
      requestBody: body(json, name, true),
    }),
    patch: made({
      action: 'patch',
      id: `patch${subresource}`,
      description: `Changes ${what}.`,
      answer: name,
      codes: [OK, CREATED],
      parameters: [...WRITE, FORCE],
      requestBody: body(PATCH_TYPES, metaName('Patch'), true),
    }),
    ...(subresource === '' ? { delete: remove } : {}),
  };
}

function listPath(kind: KindDefinition, everywhere: boolean): Json {
  const made = operationsOf(kind);
  const name = schemaName(kind);
  const suffix = everywhere ? 'ForAllNamespaces' : '';
  const namespaced = kind.scope === 'Namespaced' && !everywhere;
  const list = made({
    action: 'list',
    id: `list${suffix}`,
    description: `Lists or watches ${kind.plural}.`,
    answer: `${name}List`,
    parameters: LIST,
  });
  if (everywhere || !verbsOf(kind).includes('create')) return { parameters: [PRETTY], get: list };
  return {
    parameters: [...(namespaced ? [NAMESPACE] : []), PRETTY],
    get: list,
    post: made({
      action: 'post',
      id: 'create',
      description: `Creates a ${kind.kind}.`,
      answer: name,
      codes: [OK, CREATED, ['202', 'Accepted']],
      parameters: WRITE,
      requestBody: body(['application/json'], name, true),
    }),
  };
}

/** The paths at which a kind is served, with every operation and its parameters. */
export function pathsOf(kind: KindDefinition): Json {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const namespaced = kind.scope === 'Namespaced';
  const list = namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  return {
    ...(namespaced ? { [`${root}/${kind.plural}`]: listPath(kind, true) } : {}),
    [list]: listPath(kind, false),
    [`${list}/{name}`]: objectPath(kind, ''),
    ...(kind.statusSubresource ? { [`${list}/{name}/status`]: objectPath(kind, 'Status') } : {}),
  };
}
