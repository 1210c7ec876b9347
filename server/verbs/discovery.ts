import { apiVersionOf, verbsOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';
import { acceptClauses, takesJson } from './accept.ts';
import { documentOf, once, serveDocument, type Document, type Route } from './route.ts';

const STATUS_VERBS = ['get', 'patch', 'update'] as const;

type Json = Readonly<Record<string, unknown>>;

/** The kinds of each group and version in the order of the catalog, which is the order of preference. */
function byVersion(catalog: readonly KindDefinition[]): ReadonlyMap<string, readonly KindDefinition[]> {
  return Map.groupBy(catalog, apiVersionOf);
}

function groupsOf(catalog: readonly KindDefinition[]): readonly string[] {
  return [...new Set(catalog.map(({ group }) => group))];
}

function resourceList(groupVersion: string, kinds: readonly KindDefinition[]): Json {
  const resources = kinds.flatMap((kind) => {
    const namespaced = kind.scope === 'Namespaced';
    const { shortNames, categories } = kind;
    const names = { ...(shortNames.length > 0 ? { shortNames } : {}), ...(categories.length > 0 ? { categories } : {}) };
    const main = { name: kind.plural, singularName: kind.singular, namespaced, kind: kind.kind, verbs: verbsOf(kind), ...names };
    const status = { name: `${kind.plural}/status`, singularName: '', namespaced, kind: kind.kind, verbs: STATUS_VERBS };
    return kind.statusSubresource ? [main, status] : [main];
  });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function groupOf(name: string, catalog: readonly KindDefinition[]): Json {
  const kinds = catalog.filter(({ group }) => group === name);
  const versions = [...byVersion(kinds)].map(([groupVersion, [kind]]) => ({ groupVersion, version: kind?.version }));
  return { name, versions, preferredVersion: versions[0] };
}

function aggregatedResource(kind: KindDefinition): Json {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.scope,
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(kind.statusSubresource ? { subresources: [{ subresource: 'status', responseKind, verbs: STATUS_VERBS }] } : {}),
  };
}

/** All groups in one answer; the core group's own list has an item without a name. */
function aggregated(catalog: readonly KindDefinition[], core: boolean, version: string): Json {
  const items = groupsOf(catalog)
    .filter((group) => (group === '') === core)
    .map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: [...byVersion(catalog.filter((kind) => kind.group === group)).values()].map((kinds) => ({
        version: kinds[0]?.version,
        resources: kinds.map(aggregatedResource),
        freshness: 'Current',
      })),
    }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

/** The versions of aggregated discovery that a client takes before it takes the old form. */
function aggregatedVersionOf(header: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const clause of acceptClauses(header)) {
    if (!takesJson(clause)) continue;
    const { as, g, v } = clause.parameters;
    if (as === undefined) return undefined;
    if (as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io' && (v === 'v2' || v === 'v2beta1')) return v;
  }
  return undefined;
}

type Roots = Readonly<Record<'old' | 'v2' | 'v2beta1', () => Document>>;

function rootsOf(catalog: readonly KindDefinition[], core: boolean): Roots {
  const groups = groupsOf(catalog).filter((group) => group !== '');
  const old = core
    ? { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
    : { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((group) => groupOf(group, catalog)) };
  return {
    old: once(() => documentOf(old)),
    v2: once(() => documentOf(aggregated(catalog, core, 'v2'))),
    v2beta1: once(() => documentOf(aggregated(catalog, core, 'v2beta1'))),
  };
}

function serveRoot(request: ApiRequest, roots: Roots): ApiResponse {
  const version = aggregatedVersionOf(request.headers.accept);
  const plain = 'application/json';
  const type = version === undefined ? plain : `${plain};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  return serveDocument(request, roots[version ?? 'old'](), { 'content-type': type, 'cache-control': 'public' });
}

/** Serves /api, /apis, and one document a group and a version, in the old form and, where a client asks for it, aggregated. */
export function discoveryRoutes(catalog: readonly KindDefinition[]): Route {
  const roots: ReadonlyMap<string, Roots> = new Map([
    ['/api', rootsOf(catalog, true)],
    ['/apis', rootsOf(catalog, false)],
  ]);
  const groups = groupsOf(catalog).filter((group) => group !== '');
  const documents: ReadonlyMap<string, () => Document> = new Map([
    ...groups.map(
      (group) => [`/apis/${group}`, once(() => documentOf({ kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group, catalog) }))] as const,
    ),
    ...[...byVersion(catalog)].map(
      ([groupVersion, kinds]) =>
        [
          groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`,
          once(() => documentOf(resourceList(groupVersion, kinds))),
        ] as const,
    ),
  ]);
  return (request) => {
    const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
    const root = roots.get(path);
    if (root !== undefined) return serveRoot(request, root);
    const document = documents.get(path);
    if (document === undefined) return undefined;
    return serveDocument(request, document(), { 'content-type': 'application/json' });
  };
}

/** Serves /version in a form that Kubernetes' clients parse: Kubernetes' version whose API this is, with the release of ours as build metadata. */
export function versionRoute(build: { readonly release: string; readonly platform: string; readonly runtime: string }): Route {
  const document = documentOf({
    major: '1',
    minor: '33',
    gitVersion: `v1.33.0+lenticular-${build.release}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: build.runtime,
    compiler: build.runtime,
    platform: build.platform,
  });
  return (request) => (request.path === '/version' ? serveDocument(request, document, { 'content-type': 'application/json' }) : undefined);
}
