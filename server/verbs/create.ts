import type { ApiResponse } from '../../apis/meta/request.ts';
import { decodeBody, objectOf } from '../admission/decode.ts';
import { timestampOf } from '../admission/stamp.ts';
import { alreadyExists, badRequest, forbidden, notFound } from '../registry/refusals.ts';
import type { Resource } from '../registry/resource.ts';
import { checkPlace, textAt } from './place.ts';
import { fieldValidationOf, isDryRun } from './query.ts';
import { jsonAnswer, type Call, type Services } from './services.ts';

const NAME_TRIES = 8;
const GENERATED_PREFIX = 248;

/** Refuses what cannot live in its namespace: there is none of that name, or it is going. */
async function checkNamespace(
  { registry, namespaces }: Services,
  resource: Resource,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  if (namespace === '' || namespaces === undefined) return;
  const found =
    (await registry.get(namespaces, '', namespace, { want: 'any' }, signal)) ??
    (await registry.get(namespaces, '', namespace, { want: 'newest' }, signal));
  if (found === undefined) throw notFound(namespaces, namespace);
  if (!found.going) return;
  const because = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
  throw forbidden(resource, name, because, [cause]);
}

/** A new object, with a name of its own or one that begins with its generateName. */
export async function createObject(services: Services, { request, target, query }: Call, signal: AbortSignal): Promise<ApiResponse> {
  const { registry, admission, clock, newUid, newSuffix } = services;
  const { resource, namespace } = target;
  const fieldValidation = fieldValidationOf(query);
  const dryRun = isDryRun(query);
  const decoded = decodeBody(request.body, request.headers['content-type']);
  const object = objectOf(decoded);
  checkPlace(target, object);
  if (textAt(object, 'metadata.resourceVersion') !== '') throw badRequest('resourceVersion should not be set on objects to be created');

  const given = textAt(object, 'metadata.name');
  const prefix = textAt(object, 'metadata.generateName').slice(0, GENERATED_PREFIX);
  const generated = given === '' && prefix !== '';
  const sent = { object, duplicates: decoded.duplicates, fieldValidation };
  for (let tries = 0; ; tries += 1) {
    const name = generated ? `${prefix}${newSuffix()}` : given;
    const birth = { namespace, name, uid: newUid(), now: timestampOf(clock.now()) };
    const admitted = admission.create(resource, sent, birth);
    await checkNamespace(services, resource, namespace, name, signal);
    if (dryRun) {
      if ((await registry.read(resource, namespace, name, signal)) !== undefined) throw alreadyExists(resource, name);
      return jsonAnswer(201, admitted.object, admitted.warnings);
    }
    const written = await registry.create(resource, admitted.object, signal);
    if (written.ok) return jsonAnswer(201, written.object, admitted.warnings);
    if (!generated || tries >= NAME_TRIES) throw alreadyExists(resource, name);
  }
}
