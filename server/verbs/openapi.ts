import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';
import { openApiV2Of, openApiV3Of } from '../../apis/openapi.ts';
import { acceptClauses, takesJson } from './accept.ts';
import { documentOf, once, serveDocument, type Document, type Route } from './route.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

function pathOf(groupVersion: string): string {
  return groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
}

function wantsJson(request: ApiRequest): boolean {
  return acceptClauses(request.headers.accept).some(takesJson);
}

function notAcceptable(request: ApiRequest): ApiResponse {
  const error = new ApiError('NotAcceptable', `${request.path} is served as application/json only`);
  return { status: 406, headers: JSON_TYPE, body: statusOf(error) };
}

/** A document whose URL carries its hash never changes at that URL. */
function serveVersion(request: ApiRequest, document: Document): ApiResponse {
  const asked = request.query.find(([name]) => name === 'hash')?.[1];
  if (asked === undefined) return serveDocument(request, document, { ...JSON_TYPE, 'cache-control': 'no-cache, private' });
  if (asked !== document.hash) {
    const location = `${request.path}?hash=${document.hash}`;
    return { status: 301, headers: { location, 'cache-control': 'no-cache, private' }, body: undefined };
  }
  return serveDocument(request, document, { ...JSON_TYPE, 'cache-control': 'public, immutable, max-age=31536000' });
}

/** Serves /openapi/v3, its documents one a group and version, and /openapi/v2; each is made when it is first asked for, and kept as text. */
export function openapiRoutes(catalog: readonly KindDefinition[], release: string): Route {
  const versions = new Map(
    [...Map.groupBy(catalog, apiVersionOf)].map(([groupVersion, kinds]) => [
      `/openapi/v3/${pathOf(groupVersion)}`,
      once(() => documentOf(openApiV3Of(kinds, release))),
    ]),
  );
  const index = once(() => {
    const entries = [...versions].map(([path, document]) => [
      path.slice('/openapi/v3/'.length),
      { serverRelativeURL: `${path}?hash=${document().hash}` },
    ]);
    return documentOf({ paths: Object.fromEntries(entries) as unknown });
  });
  const v2 = once(() => documentOf(openApiV2Of(catalog, release)));
  return (request) => {
    if (!request.path.startsWith('/openapi/')) return undefined;
    const document = request.path === '/openapi/v3' ? index : request.path === '/openapi/v2' ? v2 : undefined;
    const version = versions.get(request.path);
    if (document === undefined && version === undefined) return undefined;
    if (!wantsJson(request)) return notAcceptable(request);
    if (document !== undefined) return serveDocument(request, document(), { ...JSON_TYPE, 'cache-control': 'no-cache, private' });
    return version === undefined ? undefined : serveVersion(request, version());
  };
}
