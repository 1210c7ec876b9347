import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import { ManifestError, type Manifest } from '../manifest.ts';
import { applyPatch, type JsonObject } from '../merge.ts';
import { pathOf, qualifiedName, resourceOf, type Resource } from '../resources.ts';
import type { Context } from '../targets.ts';

/** kubectl's annotation, so that both tools can take turns on one object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Tries of one object when somebody else writes it at the same time. */
const MAX_TRIES = 5;

export interface Applied {
  readonly resource: Resource;
  readonly object: ApiObject;
  readonly outcome: 'created' | 'configured' | 'unchanged';
}

interface Wanted {
  readonly manifest: Manifest;
  readonly resource: Resource;
  readonly name: string;
  readonly namespace?: string;
}

/**
 * Makes the objects as the manifests say, as kubectl's client-side apply does. All manifests are checked for what can be seen in them before
 * the first is sent. Prints a line for each; returns what was applied and how many failed.
 */
export async function apply(
  context: Context,
  manifests: readonly Manifest[],
  options: { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<{ readonly applied: readonly Applied[]; readonly failed: number }> {
  const wanted = manifests.map((manifest) => identify(context, manifest));
  const applied: Applied[] = [];
  let failed = 0;
  for (const one of wanted) {
    try {
      const result = await applyOne(context, one, options, signal);
      applied.push(result);
      context.out(`${qualifiedName(one.resource)}/${one.name} ${result.outcome}${options.dryRun ? ' (server dry run)' : ''}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed += 1;
      for (const line of located(one.manifest, error)) context.err(`error: ${line}`);
    }
  }
  return { applied, failed };
}

function at(manifest: Manifest, field: string): string {
  const { line, column } = manifest.positionOf(field);
  return `${manifest.file}:${String(line)}:${String(column)}`;
}

/** What a manifest is about. Throws ManifestError where that cannot be told. */
function identify({ resources, namespace }: Context, manifest: Manifest): Wanted {
  const { apiVersion, kind, metadata } = manifest.value;
  for (const [field, value] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if (typeof value !== 'string' || value === '') throw new ManifestError(`${at(manifest, field)}: ${field} is missing or not a string`);
  }
  const meta = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as JsonObject;
  if (typeof meta.name !== 'string' || meta.name === '') {
    throw new ManifestError(`${at(manifest, 'metadata.name')}: metadata.name is missing or not a string`);
  }
  try {
    const resource = resourceOf(resources, apiVersion, kind);
    const given = meta.namespace;
    return {
      manifest,
      resource,
      name: meta.name,
      ...(resource.namespaced && { namespace: typeof given === 'string' ? given : namespace }),
    };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ManifestError(`${at(manifest, 'kind')}: ${error.message}`, { cause: error });
  }
}

/** The server's error with the place in the file, a line for each thing that is wrong. */
function located(manifest: Manifest, error: ApiError): readonly string[] {
  const causes = error.details.causes ?? [];
  if (causes.length === 0) return [`${at(manifest, '')}: ${error.message}`];
  return causes.map(({ field = '', message }) => `${at(manifest, field)}: ${field === '' ? '' : `${field}: `}${message}`);
}

function withAnnotation(value: JsonObject, resource: Resource, namespace: string | undefined): JsonObject {
  const metadata = value.metadata as JsonObject;
  const given = metadata.annotations as JsonObject | undefined;
  const annotations = Object.fromEntries(Object.entries(given ?? {}).filter(([key]) => key !== LAST_APPLIED));
  const plain = { ...value, metadata: { ...metadata, annotations, ...(resource.namespaced && { namespace }) } };
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(plain)}\n` } } };
}

async function applyOne(context: Context, wanted: Wanted, { dryRun }: { readonly dryRun: boolean }, signal: AbortSignal): Promise<Applied> {
  const { resource, name, namespace, manifest } = wanted;
  const where = { ...(namespace !== undefined && { namespace }) };
  const query = { fieldManager: 'cloudctl', fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined };
  const value = withAnnotation(manifest.value, resource, namespace);
  for (let tries = 1; ; tries += 1) {
    try {
      const live = await read(context, pathOf(resource, { ...where, name }), signal);
      if (live === undefined) {
        const body = await context.api.ask({ method: 'POST', path: pathOf(resource, where), query, body: value }, signal);
        return { resource, object: objectOf(body), outcome: 'created' };
      }
      const patch = applyPatch(lastApplied(live), value, live);
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

async function read({ api }: Context, path: string, signal: AbortSignal): Promise<ApiObject | undefined> {
  try {
    return objectOf(await api.ask({ path }, signal));
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

function lastApplied({ metadata }: ApiObject): JsonObject {
  const text = metadata.annotations?.[LAST_APPLIED];
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return {}; // Somebody's own text under kubectl's name: then nothing is known to have been applied.
  }
}
