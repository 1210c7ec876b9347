import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { ApiResponse } from '../../apis/meta/request.ts';
import type { Admitted, Part } from '../admission/admit.ts';
import { objectIn } from '../registry/entry.ts';
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

interface Guess {
  readonly before: ApiObject | undefined;
  readonly proposal: Admitted | undefined;
}

const NOTHING: Guess = { before: undefined, proposal: undefined };

/**
 * A proposal made from what the cache holds, which the store compares when it writes: most changes need no read. Whatever the cache's
 * object does not allow is decided again from the store's.
 */
async function proposeFromCache(
  registry: Services['registry'],
  { resource, namespace, name }: Target,
  propose: (before: ApiObject) => Admitted,
  signal: AbortSignal,
): Promise<Guess> {
  const entry = await registry.get(resource, namespace, name, { want: 'any' }, signal);
  if (entry === undefined) return NOTHING;
  const before = objectIn(resource, entry);
  try {
    return { before, proposal: propose(before) };
  } catch (error) {
    if (error instanceof ApiError) return NOTHING;
    throw error;
  }
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
  let { before, proposal } = options.dryRun ? NOTHING : await proposeFromCache(registry, target, propose, signal);
  before ??= await registry.read(resource, namespace, name, signal);
  for (let tries = 1; before !== undefined; tries += 1) {
    const { object, changed, warnings } = proposal ?? propose(before);
    const guessed = proposal !== undefined;
    proposal = undefined;
    if (options.dryRun) return jsonAnswer(200, object, warnings);
    const gone = changed && isReleased(resource, object);
    const written = gone
      ? await registry.remove(resource, before, signal)
      : await registry.replace(resource, before, object, changed, signal);
    if (written.ok) {
      return jsonAnswer(200, withResourceVersion(object, BigInt(written.object.metadata.resourceVersion)), warnings);
    }
    if (written.current !== undefined && !guessed && (!options.retry || tries >= TRIES)) throw conflict(resource, name);
    before = written.current;
  }
  throw notFound(resource, name);
}
