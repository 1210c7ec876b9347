import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import { isAnswer } from '../failure.ts';
import { lastApplied, withLastApplied } from '../last-applied.ts';
import { ManifestError, placeOf, type Manifest } from '../manifest.ts';
import { applyPatch, type JsonObject } from '../merge.ts';
import { isPathSafe, pathOf, qualifiedName, resourceOf, type Resource } from '../resources.ts';
import { fetchNamed, type Named } from '../selection.ts';
import type { Context } from '../targets.ts';
import { UsageError } from '../usage-error.ts';

/** Tries of one object when somebody else writes it at the same time. */
const MAX_TRIES = 5;

export interface Applied {
  readonly resource: Resource;
  readonly object: ApiObject;
  readonly outcome: 'created' | 'configured' | 'unchanged';
}

interface Wanted extends Named {
  readonly manifest: Manifest;
}

/**
 * Makes the objects as the manifests say, as kubectl's client-side apply does. All manifests are checked for what can be seen in them before
 * the first is sent (ManifestError); then one that the server refuses does not keep the others from being applied. Prints a line for each;
 * returns what was applied and how many failed.
 */
export async function apply(
  context: Context,
  manifests: readonly Manifest[],
  options: { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<{ readonly applied: readonly Applied[]; readonly failed: number }> {
  const wanted = identifyAll(context, manifests);
  const applied: Applied[] = [];
  let failed = 0;
  for (const one of wanted) {
    try {
      const result = await applyOne(context, one, options, signal);
      applied.push(result);
      context.out(`${qualifiedName(one.resource)}/${one.name} ${result.outcome}${options.dryRun ? ' (server dry run)' : ''}`);
    } catch (error) {
      // A server that is not there is no fault of the manifest.
      if (!(error instanceof ApiError) || !isAnswer(error)) throw error;
      failed += 1;
      for (const line of located(one.manifest, error)) context.err(`error: ${line}`);
    }
  }
  return { applied, failed };
}

/** What the manifests are about; all that is wrong with them is told at once. */
function identifyAll(context: Context, manifests: readonly Manifest[]): readonly Wanted[] {
  const wanted: Wanted[] = [];
  const faults: string[] = [];
  for (const manifest of manifests) {
    try {
      wanted.push(identify(context, manifest));
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) throw new ManifestError(faults.join('\nerror: '));
  return wanted;
}

/** What a manifest is about. Throws ManifestError where that cannot be told. */
function identify({ resources, namespace, namespaceGiven = false }: Context, manifest: Manifest): Wanted {
  const { apiVersion, kind, metadata } = manifest.value;
  for (const [field, value] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if (typeof value !== 'string' || value === '')
      throw new ManifestError(`${placeOf(manifest, field)}: ${field} is missing or not a string`);
  }
  const meta = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as JsonObject;
  if (typeof meta.name !== 'string' || meta.name === '') {
    throw new ManifestError(`${placeOf(manifest, 'metadata.name')}: metadata.name is missing or not a string`);
  }
  try {
    const resource = resourceOf(resources, apiVersion, kind);
    const given = meta.namespace;
    if (namespaceGiven && resource.namespaced && typeof given === 'string' && given !== namespace)
      throw new ManifestError(
        `${placeOf(manifest, 'metadata.namespace')}: metadata.namespace is ${given}, but --namespace says ${namespace}`,
      );
    return {
      manifest,
      resource,
      name: meta.name,
      ...(resource.namespaced && { namespace: typeof given === 'string' ? given : namespace }),
    };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new ManifestError(`${placeOf(manifest, 'kind')}: ${error.message}`, { cause: error });
  }
}

/** The server's error with the place in the file, a line for each thing that is wrong. */
function located(manifest: Manifest, error: ApiError): readonly string[] {
  const causes = error.details.causes ?? [];
  if (causes.length === 0) return [`${placeOf(manifest, '')}: ${error.message}`];
  return [
    ...new Set(causes.map(({ field = '', message }) => `${placeOf(manifest, field)}: ${field === '' ? '' : `${field}: `}${message}`)),
  ];
}

async function applyOne(context: Context, wanted: Wanted, { dryRun }: { readonly dryRun: boolean }, signal: AbortSignal): Promise<Applied> {
  const { resource, name, namespace, manifest } = wanted;
  const where = { ...(namespace !== undefined && { namespace }) };
  const query = { fieldManager: 'cloudctl', fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined };
  for (let tries = 1; ; tries += 1) {
    try {
      // A name that no path can hold is for the server to refuse, with the field.
      const live = isPathSafe(name) ? await fetchNamed(context, wanted, signal) : undefined;
      const value = withLastApplied(manifest.value, { namespace, live: live?.metadata.annotations });
      if (live === undefined) {
        const body = await context.api.ask({ method: 'POST', path: pathOf(resource, where), query, body: value }, signal);
        return { resource, object: objectOf(body), outcome: 'created' };
      }
      if (live.metadata.deletionTimestamp !== undefined)
        context.err(`Warning: ${qualifiedName(resource)}/${name} is being deleted: what is applied now goes with it`);
      const patch = applyPatch(lastApplied(live.metadata.annotations), value, live);
      if (patch === undefined) return { resource, object: live, outcome: 'unchanged' };
      const contentType = 'application/merge-patch+json';
      const body = await context.api.ask(
        { method: 'PATCH', path: pathOf(resource, { ...where, name }), query, contentType, body: patch },
        signal,
      );
      const object = objectOf(body);
      return { resource, object, outcome: object.metadata.resourceVersion === live.metadata.resourceVersion ? 'unchanged' : 'configured' };
    } catch (error) {
      // Somebody made or changed it between our read and our write: look again.
      const raced = error instanceof ApiError && (error.reason === 'Conflict' || error.reason === 'AlreadyExists');
      if (!raced || tries === MAX_TRIES) throw error;
    }
  }
}
