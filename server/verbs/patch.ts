import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiResponse } from '../../apis/meta/request.ts';
import { checkShape, decodeBody, objectOf, type Decoded } from '../admission/decode.ts';
import { isObject } from '../registry/json.ts';
import { badRequest } from '../registry/refusals.ts';
import type { Resource } from '../registry/resource.ts';
import { changeObject, checkIdentity, partOf } from './change.ts';
import { applyJsonPatch, parseJsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { fieldValidationOf, isDryRun } from './query.ts';
import type { Call, Services } from './services.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

type Patch = (target: unknown) => unknown;

const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = ['application/apply-patch+yaml', 'application/apply-patch+cbor'];

function unsupported(sentence: string): ApiError {
  return new ApiError('UnsupportedMediaType', sentence);
}

function patchOf({ kind }: Resource, type: string, decoded: Decoded): Patch {
  if (type === JSON_PATCH) {
    const operations = parseJsonPatch(decoded.value);
    return (target) => applyJsonPatch(target, operations);
  }
  const patch = objectOf(decoded);
  if (type === MERGE) return (target) => mergePatch(target, patch);
  if (kind.origin === 'kubernetes') return (target) => strategicMergePatch(target, patch);
  throw unsupported(`the body of the request was in an unknown format - accepted media types include: ${JSON_PATCH}, ${MERGE}`);
}

/** Changes an object by a patch of one of three types; begins again by itself when somebody else was faster. */
export async function patchObject(services: Services, { request, target, query }: Call, signal: AbortSignal): Promise<ApiResponse> {
  const { resource } = target;
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (APPLY.includes(type)) throw unsupported('server-side apply is not served by this server: use kubectl apply without --server-side');
  if (![MERGE, JSON_PATCH, STRATEGIC].includes(type)) {
    throw unsupported(`the body of the request was in an unknown format (${type}) - accepted media types include: ${JSON_PATCH}, ${MERGE}`);
  }
  if (query.text('force') !== undefined) throw badRequest('query parameter force goes with server-side apply only');
  const fieldValidation = fieldValidationOf(query);
  const decoded = decodeBody(request.body, undefined);
  const patch = patchOf(resource, type, decoded);
  return changeObject(
    services,
    target,
    { dryRun: isDryRun(query), retry: true },
    (before) => {
      const object = patch(before);
      if (!isObject(object)) throw badRequest('the patch makes something of the object that is no object');
      checkShape(object);
      checkIdentity(target, object, before);
      return services.admission.update(resource, partOf(target), { object, duplicates: decoded.duplicates, fieldValidation }, before);
    },
    signal,
  );
}
