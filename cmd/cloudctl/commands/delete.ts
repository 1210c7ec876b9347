import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import type { Manifest } from '../manifest.ts';
import { pathOf, qualifiedName, resourceOf, type Resource } from '../resources.ts';
import { targetsOf, UsageError, type Context } from '../targets.ts';
import { untilGone } from './wait.ts';

export interface DeleteOptions {
  readonly wait: boolean;
  readonly timeoutMs: number | undefined;
  readonly ignoreNotFound: boolean;
  readonly all: boolean;
  readonly selector: string | undefined;
  readonly dryRun: boolean;
}

interface Doomed {
  readonly resource: Resource;
  readonly name: string;
  readonly namespace?: string;
}

/** Deletes what the words or the manifests name, then waits until it is gone, saying what holds it up. Returns how many failed. */
export async function remove(
  context: Context,
  what: { readonly words: readonly string[]; readonly manifests: readonly Manifest[] },
  options: DeleteOptions,
  signal: AbortSignal,
): Promise<number> {
  const doomed =
    what.manifests.length > 0
      ? what.manifests.map((manifest) => named(context, manifest))
      : await listed(context, what.words, options, signal);
  const going: (Doomed & { readonly uid: string })[] = [];
  let failed = 0;
  for (const one of doomed) {
    try {
      const body = await context.api.ask(
        {
          method: 'DELETE',
          path: pathOf(one.resource, one),
          query: { dryRun: options.dryRun ? 'All' : undefined },
          body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' },
        },
        signal,
      );
      context.out(`${qualifiedName(one.resource)} "${one.name}" deleted${options.dryRun ? ' (server dry run)' : ''}`);
      const { metadata } = objectOf(body);
      // A Status instead of the object: it is gone already.
      if ((metadata as Partial<ApiObject['metadata']>).uid !== undefined) going.push({ ...one, uid: metadata.uid });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (options.ignoreNotFound && error.reason === 'NotFound') continue;
      failed += 1;
      context.err(`error: ${error.message}`);
    }
  }
  if (!options.wait || options.dryRun) return failed;
  const limit = options.timeoutMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  for (const one of going) failed += (await untilGone(context, one, limit)) ? 0 : 1;
  return failed;
}

/** The objects of manifests, last first: what depends on others stands after them. */
function named({ resources, namespace }: Context, { value, file }: Manifest): Doomed {
  const resource = resourceOf(resources, value.apiVersion, value.kind);
  const { name, namespace: given } = (value.metadata ?? {}) as { readonly name?: unknown; readonly namespace?: unknown };
  if (typeof name !== 'string' || name === '') throw new UsageError(`${file}: metadata.name is missing`);
  return { resource, name, ...(resource.namespaced && { namespace: typeof given === 'string' ? given : namespace }) };
}

async function listed(context: Context, words: readonly string[], options: DeleteOptions, signal: AbortSignal): Promise<readonly Doomed[]> {
  const doomed: Doomed[] = [];
  for (const { resource, name } of targetsOf(context, words)) {
    const where = resource.namespaced ? { namespace: context.namespace } : {};
    if (name !== undefined) doomed.push({ resource, name, ...where });
    else if (options.all || options.selector !== undefined) {
      const query = { labelSelector: options.selector };
      const { items } = (await context.api.ask({ path: pathOf(resource, where), query }, signal)) as {
        readonly items: readonly ApiObject[];
      };
      doomed.push(...items.map((item) => ({ resource, name: item.metadata.name, ...where })));
    } else throw new UsageError('say which: names, --selector or --all');
  }
  return doomed;
}
