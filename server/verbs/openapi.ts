import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiRequest, ApiResponse } from '../../apis/meta/request.ts';
import { openApiV2Of, openApiV3Of } from '../../apis/openapi.ts';
import { acceptClauses, takesJson } from './accept.ts';
import { openApiV2Bytes } from './openapi-protobuf.ts';
import { bytesDocument, documentOf, once, serveDocument, type Document, type Route } from './route.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

function pathOf(groupVersion: string): string {
  return groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
}

/** client-go asks for the one and is told the other. */
const PROTOBUF_ASKED: ReadonlySet<string> = new Set([
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
]);
const PROTOBUF_TYPE = { 'content-type': 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' };

function wantsProtobuf(request: ApiRequest): boolean {
  const found = acceptClauses(request.headers.accept).find((clause) => takesJson(clause) || PROTOBUF_ASKED.has(clause.type));
  return found !== undefined && PROTOBUF_ASKED.has(found.type);
}

function wantsJson(request: ApiRequest): boolean {
  return acceptClauses(request.headers.accept).some(takesJson);
}

function notAcceptable(request: ApiRequest): ApiResponse {
  const error = new ApiError(
    'NotAcceptable',
    `${request.path} is not served in any of the media types that Accept names: ask for application/json`,
  );
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
  const v2 = once(() => openApiV2Of(catalog, release));
  const v2Json = once(() => documentOf(v2()));
  const v2Protobuf = once(() => bytesDocument(openApiV2Bytes(v2())));
  const fresh = { 'cache-control': 'no-cache, private' };
  return (request) => {
    const { path } = request;
    const version = versions.get(path);
    if (path !== '/openapi/v3' && path !== '/openapi/v2' && version === undefined) return undefined;
    if (path === '/openapi/v2' && wantsProtobuf(request)) return serveDocument(request, v2Protobuf(), { ...PROTOBUF_TYPE, ...fresh });
    if (!wantsJson(request)) return notAcceptable(request);
    if (version !== undefined) return serveVersion(request, version());
    return serveDocument(request, path === '/openapi/v3' ? index() : v2Json(), { ...JSON_TYPE, ...fresh });
  };
}
