import type { ApiResponse } from '../../apis/meta/request.ts';
import { required } from '../admission/causes.ts';
import { decodeBody, objectOf } from '../admission/decode.ts';
import { invalid } from '../registry/refusals.ts';
import { changeObject, checkIdentity, partOf } from './change.ts';
import { textAt } from './place.ts';
import { fieldValidationOf, isDryRun } from './query.ts';
import type { Call, Services } from './services.ts';

/** Replaces an object, or its status; the sender must name the version that it saw. */
export async function updateObject(services: Services, { request, target, query }: Call, signal: AbortSignal): Promise<ApiResponse> {
  const { resource, name } = target;
  const fieldValidation = fieldValidationOf(query);
  const decoded = decodeBody(request.body, request.headers['content-type']);
  const object = objectOf(decoded);
  if (textAt(object, 'metadata.resourceVersion') === '') {
    throw invalid(resource, name, [required('metadata.resourceVersion', 'must be specified for an update')]);
  }
  const sent = { object, duplicates: decoded.duplicates, fieldValidation };
  return changeObject(
    services,
    target,
    { dryRun: isDryRun(query), retry: false },
    (before) => {
      checkIdentity(target, object, before);
      return services.admission.update(resource, partOf(target), sent, before);
    },
    signal,
  );
}
