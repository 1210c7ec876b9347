import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiResponse } from '../../apis/meta/request.ts';
import { timestampOf } from '../admission/stamp.ts';
import { isReleased, markDeleting } from '../registry/deletion.ts';
import { sameJson, valueAt } from '../registry/json.ts';
import { conflict, forbidden, notFound } from '../registry/refusals.ts';
import { isNamespaces, SERVER_NAMESPACES, type Resource } from '../registry/resource.ts';
import { deleteOptionsOf, type DeleteOptions } from './delete-options.ts';
import { jsonAnswer, type Call, type Services } from './services.ts';

const TRIES = 5;
const FINALIZERS = { Background: undefined, Foreground: 'foregroundDeletion', Orphan: 'orphan' } as const;

function checkMayGo(resource: Resource, object: ApiObject, { uid, resourceVersion }: DeleteOptions): void {
  const { metadata } = object;
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(resource, metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const because = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(resource, metadata.name, because);
  }
  if (isNamespaces(resource) && SERVER_NAMESPACES.includes(metadata.name)) {
    throw forbidden(resource, metadata.name, 'this namespace may not be deleted');
  }
  const { protectedBy } = resource.kind;
  if (protectedBy !== undefined && valueAt(object, protectedBy) === true) {
    throw forbidden(resource, metadata.name, `it is protected: set ${protectedBy} to false first`);
  }
}

function goneAnswer({ kind }: Resource, { metadata }: ApiObject): ApiResponse {
  const details = { name: metadata.name, ...(kind.group !== '' && { group: kind.group }), kind: kind.plural, uid: metadata.uid };
  return jsonAnswer(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}

/** Deletes an object at once, or marks it where finalizers hold it; a second request changes nothing. */
export async function deleteObject({ registry, clock }: Services, call: Call, signal: AbortSignal): Promise<ApiResponse> {
  const { resource, namespace, name } = call.target;
  const options = deleteOptionsOf(call);
  let before = await registry.read(resource, namespace, name, signal);
  for (let tries = 1; before !== undefined; tries += 1) {
    checkMayGo(resource, before, options);
    const after = markDeleting(resource, before, timestampOf(clock.now()), FINALIZERS[options.propagation]);
    const gone = isReleased(resource, after);
    const changed = !sameJson(before, after);
    if (options.dryRun || !changed) return gone ? goneAnswer(resource, before) : jsonAnswer(200, after);
    const written = gone ? await registry.remove(resource, before, signal) : await registry.replace(resource, before, after, true, signal);
    if (written.ok) return gone ? goneAnswer(resource, before) : jsonAnswer(200, written.object);
    if (written.current !== undefined && tries >= TRIES) throw conflict(resource, name);
    before = written.current;
  }
  throw notFound(resource, name);
}
