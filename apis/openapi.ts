import { objectSchemaOf } from './crd.ts';
import { apiVersionOf, type KindDefinition } from './meta/kind.ts';
import { META_SCHEMAS, metaName, refTo } from './openapi-meta.ts';
import { pathsOf, schemaName } from './openapi-paths.ts';

type Json = Readonly<Record<string, unknown>>;

function schemasOf(kind: KindDefinition): Json {
  const name = schemaName(kind);
  const { group, version } = kind;
  const schema = objectSchemaOf(kind);
  const metadata = { description: "The object's name, labels and the like.", allOf: [refTo(metaName('ObjectMeta'))] };
  const list = {
    type: 'object',
    description: `A list of ${kind.plural}.`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: `Always ${apiVersionOf(kind)}.` },
      kind: { type: 'string', description: `Always ${kind.kind}List.` },
      metadata: { description: 'What is true of the list as a whole.', allOf: [refTo(metaName('ListMeta'))] },
      items: { type: 'array', items: refTo(name), description: 'The objects.' },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: `${kind.kind}List` }],
  };
  return {
    [name]: {
      ...schema,
      properties: { ...schema.properties, metadata },
      'x-kubernetes-group-version-kind': [{ group, version, kind: kind.kind }],
    },
    [`${name}List`]: list,
  };
}

/** The OpenAPI v3 document of the kinds of one group and version. */
export function openApiV3Of(kinds: readonly KindDefinition[], release: string): Json {
  return {
    openapi: '3.0.0',
    info: { title: 'Lenticular', version: release },
    paths: Object.assign({}, ...kinds.map(pathsOf)) as Json,
    components: { schemas: { ...META_SCHEMAS, ...(Object.assign({}, ...kinds.map(schemasOf)) as Json) } },
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Swagger 2.0 has neither unions nor nullable, and keeps schemas elsewhere. */
function downgrade(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(downgrade);
  if (typeof value === 'string') return value.replace(/^#\/components\/schemas\//, '#/definitions/');
  if (!isJson(value)) return value;
  const [only] = Array.isArray(value.allOf) && value.allOf.length === 1 ? (value.allOf as readonly unknown[]) : [];
  const merged = isJson(only) ? { ...only, ...value } : value;
  const kept = Object.entries(merged).filter(
    ([name, inner]) => name !== 'allOf' && name !== 'anyOf' && !(name === 'nullable' && inner === true),
  );
  return Object.fromEntries(kept.map(([name, inner]) => [name, name === 'description' ? inner : downgrade(inner)]));
}

function operationV2(operation: Json): Json {
  const { requestBody, parameters, responses, ...rest } = operation;
  const content = isJson(requestBody) && isJson(requestBody.content) ? requestBody.content : {};
  const [first] = Object.values(content);
  const body = isJson(first)
    ? [{ name: 'body', in: 'body', schema: downgrade(first.schema), required: isJson(requestBody) && requestBody.required === true }]
    : [];
  const answers = Object.entries(isJson(responses) ? responses : {}).map(([code, answer]) => {
    const inner = isJson(answer) && isJson(answer.content) ? answer.content['application/json'] : undefined;
    const description = isJson(answer) ? answer.description : '';
    return [code, isJson(inner) ? { description, schema: downgrade(inner.schema) } : { description }];
  });
  return {
    ...rest,
    ...(body.length > 0 ? { consumes: Object.keys(content) } : {}),
    produces: ['application/json'],
    parameters: [...parametersV2(parameters), ...body],
    responses: Object.fromEntries(answers) as Json,
  };
}

function parametersV2(parameters: unknown): readonly Json[] {
  if (!Array.isArray(parameters)) return [];
  return parameters.filter(isJson).map(({ schema, ...rest }) => ({ ...rest, ...(isJson(schema) ? schema : {}) }));
}

function pathV2(path: Json): Json {
  const { parameters, ...operations } = path;
  const entries = Object.entries(operations).map(([method, operation]) => [method, operationV2(isJson(operation) ? operation : {})]);
  return { parameters: parametersV2(parameters), ...(Object.fromEntries(entries) as Json) };
}

/** The OpenAPI v2 (Swagger) document of all kinds, for clients that know no v3. */
export function openApiV2Of(catalog: readonly KindDefinition[], release: string): Json {
  const paths = Object.entries(Object.assign({}, ...catalog.map(pathsOf)) as Readonly<Record<string, Json>>);
  return {
    swagger: '2.0',
    info: { title: 'Lenticular', version: release },
    paths: Object.fromEntries(paths.map(([path, item]) => [path, pathV2(item)])),
    definitions: downgrade({ ...META_SCHEMAS, ...(Object.assign({}, ...catalog.map(schemasOf)) as Json) }),
  };
}
