import { CATALOG } from '../../apis/catalog.ts';
import { verbsOf } from '../../apis/meta/kind.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';
import { representationOf } from './accept.ts';
import { discoveryRoutes, versionRoute } from './discovery.ts';
import { healthRoutes } from './health.ts';
import { openapiRoutes } from './openapi.ts';

const V2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const V2BETA1 = 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList';
const signal = new AbortController().signal;

function get(target: string, headers: Readonly<Record<string, string>> = {}, method: ApiRequest['method'] = 'GET'): ApiRequest {
  const { pathname, searchParams } = new URL(target, 'http://x');
  return { method, path: pathname, query: [...searchParams], headers, caller: { name: 'a', groups: [] } };
}

type Json = Readonly<Record<string, unknown>>;

function jsonOf(answer: ApiResponse | undefined): Json {
  return JSON.parse(Buffer.from(answer?.body as Uint8Array).toString()) as Json;
}

describe('discovery', () => {
  const route = discoveryRoutes(CATALOG);

  test('is aggregated for clients that ask for it first, and says in which version', () => {
    const answer = route(get('/apis', { accept: `${V2},${V2BETA1},application/json` }));
    expect(answer?.headers['content-type']).toBe(V2);
    const groups = (jsonOf(answer).items as readonly { readonly metadata: Json }[]).map(({ metadata }) => metadata.name);
    expect(groups).toEqual([
      'events.k8s.io',
      'coordination.k8s.io',
      'infra.lenticular.dev',
      'storage.lenticular.dev',
      'compute.lenticular.dev',
      'ops.lenticular.dev',
    ]);
    expect(route(get('/api', { accept: `${V2BETA1},application/json` }))?.headers['content-type']).toBe(V2BETA1);
  });

  test.each([
    undefined,
    'application/json',
    '*/*',
    `application/json,${V2}`,
    'application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,*/*',
  ])('is in the old form for Accept %s', (accept) => {
    const answer = route(get('/apis', accept === undefined ? {} : { accept }));
    expect(answer?.headers['content-type']).toBe('application/json');
    expect(jsonOf(answer).kind).toBe('APIGroupList');
  });

  test('names every kind with its verbs, short names, categories and subresources', () => {
    const { resources } = jsonOf(route(get('/apis/compute.lenticular.dev/v1alpha1'))) as { readonly resources: readonly Json[] };
    expect(resources).toEqual([
      {
        name: 'virtualmachines',
        singularName: 'virtualmachine',
        namespaced: true,
        kind: 'VirtualMachine',
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
        shortNames: ['vm', 'vms'],
        categories: ['lenticular', 'all'],
      },
      { name: 'virtualmachines/status', singularName: '', namespaced: true, kind: 'VirtualMachine', verbs: ['get', 'patch', 'update'] },
    ]);
    for (const kind of CATALOG) expect(route(get(kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}`))).toBeDefined();
  });

  test('answers 304 to who has it, 405 to who would change it, and nothing about other paths', () => {
    const etag = route(get('/apis'))?.headers.etag ?? '';
    expect(route(get('/apis', { 'if-none-match': etag }))).toMatchObject({ status: 304, body: undefined });
    expect(route(get('/apis', { 'if-none-match': '"other"' }))?.status).toBe(200);
    expect(route(get('/apis', {}, 'POST'))?.status).toBe(405);
    expect(route(get('/apis/none.example'))).toBeUndefined();
  });

  test('has a version that Kubernetes’ clients parse', () => {
    const version = jsonOf(versionRoute({ release: '0.1.0', platform: 'linux/amd64', runtime: 'v24' })(get('/version')));
    expect(version.gitVersion).toMatch(/^v\d+\.\d+\.\d+\+[0-9A-Za-z.-]+$/);
  });
});

describe('OpenAPI', () => {
  const route = openapiRoutes(CATALOG, '0.1.0');
  const index = jsonOf(route(get('/openapi/v3'))).paths as Readonly<Record<string, { readonly serverRelativeURL: string }>>;

  test('has an index whose URLs change with their document, and may be kept for ever', () => {
    expect(Object.keys(index)).toContain('apis/infra.lenticular.dev/v1alpha1');
    for (const { serverRelativeURL } of Object.values(index)) {
      const answer = route(get(serverRelativeURL));
      expect(answer?.status).toBe(200);
      expect(answer?.headers['cache-control']).toContain('immutable');
    }
    const old = route(get('/openapi/v3/api/v1?hash=OLD'));
    expect(old).toMatchObject({ status: 301, headers: { location: index['api/v1']?.serverRelativeURL } });
  });

  test('tells kubectl of every kind that its writes check unknown fields on the server', () => {
    for (const kind of CATALOG.filter((one) => verbsOf(one).includes('patch'))) {
      const root = kind.group === '' ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
      const { paths } = jsonOf(route(get(`/openapi/v3/${root}`))) as {
        readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
      };
      const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
      for (const method of ['patch', 'put', 'post']) {
        const operations: readonly Json[] = Object.values(paths).flatMap((path): readonly Json[] =>
          path[method] === undefined ? [] : [path[method]],
        );
        const found = operations.filter(
          (operation) => JSON.stringify(operation['x-kubernetes-group-version-kind']) === JSON.stringify(gvk),
        );
        expect(found.length).toBeGreaterThan(0);
        for (const { parameters } of found)
          expect(parameters).toContainEqual(expect.objectContaining({ name: 'fieldValidation', in: 'query' }));
      }
    }
  });

  test.each([...Object.values(index).map(({ serverRelativeURL }) => serverRelativeURL), '/openapi/v2'])(
    'refers in %s only to schemas that it has',
    (url) => {
      const document = jsonOf(route(get(url)));
      const schemas = (document.definitions ?? (document.components as Json).schemas) as Json;
      const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)].map(
        ([, name]) => name ?? '',
      );
      expect(references.length).toBeGreaterThan(0);
      expect(references.filter((name) => !Object.hasOwn(schemas, name))).toEqual([]);
    },
  );

  test('is protobuf in version 2 for who asks for it, and JSON for the others', () => {
    const type = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    expect(route(get('/openapi/v2', { accept: type }))?.headers['content-type']).toContain('+protobuf');
    expect(route(get('/openapi/v2'))?.headers['content-type']).toBe('application/json');
    expect(route(get('/openapi/v2', { accept: 'text/html' }))?.status).toBe(406);
  });
});

describe('health', () => {
  const route = healthRoutes([
    { name: 'loop', live: true, check: () => Promise.resolve() },
    { name: 'store', live: false, check: () => Promise.reject(new Error('the password is x')) },
  ]);

  test.each([
    ['/livez', 200, 'ok'],
    ['/livez?verbose', 200, '[+]loop ok\nlivez check passed\n'],
    ['/readyz', 500, '[+]loop ok\n[-]store failed: reason withheld\nreadyz check failed\n'],
    ['/readyz?exclude=store', 200, 'ok'],
    ['/readyz?exclude=store&exclude=x&verbose', 200, '[+]loop ok\nwarn: nothing to exclude is called x\nreadyz check passed\n'],
    ['/readyz/store', 500, '[-]store failed: reason withheld\nreadyz check failed\n'],
    ['/healthz/loop', 200, 'ok'],
    ['/readyz/none', 404, 'no check is called none\n'],
  ])('at %s is %i', async (path, status, body) => {
    expect(await route(get(path), signal)).toMatchObject({ status, body });
  });

  test('tells what it knows beside the checks, to who asks for all', async () => {
    const told = healthRoutes([], () => ['the store is made of paper']);
    expect(await told(get('/readyz?verbose'), signal)).toMatchObject({ body: 'info: the store is made of paper\nreadyz check passed\n' });
    expect(await told(get('/readyz'), signal)).toMatchObject({ body: 'ok' });
  });

  test('is nothing at other paths', async () => {
    expect(await route(get('/readyzz'), signal)).toBeUndefined();
  });
});

describe('the shape of an answer', () => {
  test.each([
    [undefined, 'Object'],
    ['application/json, */*', 'Object'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', 'Table'],
    ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'Object'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'PartialObjectMetadata'],
    ['application/vnd.kubernetes.protobuf,application/json', 'Object'],
    ['application/json;q=0.1,application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9', 'Table'],
  ])('for Accept %s is %s', (accept, shape) => {
    expect(representationOf(accept)).toBe(shape);
  });

  test.each(['text/html', 'application/vnd.kubernetes.protobuf', 'application/json;q=0'])('cannot be made for Accept %s', (accept) => {
    expect(() => representationOf(accept)).toThrow(expect.objectContaining({ reason: 'NotAcceptable' }) as Error);
  });
});
