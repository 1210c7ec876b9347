import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiResponse } from '../../apis/meta/request.ts';
import type { Admitted, Part } from '../admission/admit.ts';
import { isReleased } from '../registry/deletion.ts';
import type { JsonObject } from '../registry/json.ts';
import { conflict, notFound } from '../registry/refusals.ts';
import { withResourceVersion } from '../registry/codec.ts';
import { checkPlace, textAt } from './place.ts';
import { jsonAnswer, type Services } from './services.ts';
import type { Target } from './target.ts';

const TRIES = 5;

/** Which part of an object a path names. */
export function partOf({ subresource }: Target): Part {
  return subresource === '' ? 'main' : subresource;
}

/** Refuses an object that is about another version, another life or another place than the one that is there. */
export function checkIdentity(target: Target, sent: JsonObject, before: ApiObject): void {
  const { resource, name } = target;
  checkPlace(target, sent);
  const uid = textAt(sent, 'metadata.uid');
  if (uid !== '' && uid !== before.metadata.uid) {
    throw conflict(resource, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`);
  }
  const version = textAt(sent, 'metadata.resourceVersion');
  if (version !== '' && version !== before.metadata.resourceVersion) throw conflict(resource, name);
}

/**
 * Changes one object: reads it, asks what it shall become, and writes that only over what was read. Where somebody was faster it
 * begins again, `retry` permitting. An object whose deletion waited for its last finalizer goes with it.
 */
export async function changeObject(
  { registry }: Services,
  target: Target,
  options: { readonly dryRun: boolean; readonly retry: boolean },
  propose: (before: ApiObject) => Admitted,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const { resource, namespace, name } = target;
  let before = await registry.read(resource, namespace, name, signal);
  for (let tries = 1; before !== undefined; tries += 1) {
    const { object, changed, warnings } = propose(before);
    if (options.dryRun) return jsonAnswer(200, object, warnings);
    const gone = changed && isReleased(resource, object);
    const written = gone
      ? await registry.remove(resource, before, signal)
      : await registry.replace(resource, before, object, changed, signal);
    if (written.ok) {
      return jsonAnswer(200, withResourceVersion(object, BigInt(written.object.metadata.resourceVersion)), warnings);
    }
    if (written.current !== undefined && (!options.retry || tries >= TRIES)) throw conflict(resource, name);
    before = written.current;
  }
  throw notFound(resource, name);
}
