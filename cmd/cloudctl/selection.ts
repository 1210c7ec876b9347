import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { objectOf } from './api.ts';
import { placeOf, type Manifest } from './manifest.ts';
import { checkName, pathOf, resourceOf, type Resource } from './resources.ts';
import { targetsOf, type Context } from './targets.ts';
import { UsageError } from './usage-error.ts';

/** One object that a command works on. */
export interface Named {
  readonly resource: Resource;
  readonly name: string;
  readonly namespace?: string;
}

/** How a command was told which objects it shall work on. */
export interface Selection {
  readonly words: readonly string[];
  readonly manifests: readonly Manifest[];
  readonly all: boolean;
  readonly selector: string | undefined;
}

/** Objects that a page of a list holds, as kubectl asks for them. */
const PAGE = '500';

/** The pages of a list, one after another. */
export async function* pagesOf(
  { api }: Pick<Context, 'api'>,
  ask: { readonly path: string; readonly accept?: string; readonly query?: Readonly<Record<string, string | undefined>> },
  signal: AbortSignal,
): AsyncIterable<unknown> {
  let token: string | undefined;
  do {
    const page = await api.ask({ ...ask, query: { ...ask.query, limit: PAGE, continue: token } }, signal);
    yield page;
    token = (page as { readonly metadata?: { readonly continue?: string } }).metadata?.continue;
  } while (token !== undefined && token !== '');
}

/** All objects of a kind; of the context's namespace where the kind has one. */
export async function listOf(
  context: Context,
  resource: Resource,
  selector: string | undefined,
  signal: AbortSignal,
): Promise<readonly ApiObject[]> {
  const path = pathOf(resource, { namespace: context.namespace });
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  const found: ApiObject[] = [];
  for await (const page of pagesOf(context, { path, query: { labelSelector: selector } }, signal)) {
    const { items } = page as { readonly items: readonly unknown[] };
    found.push(...items.map((item) => ({ ...objectOf(item), apiVersion, kind: resource.kind })));
  }
  return found;
}

/** What the words or manifests name. Throws UsageError where they name nothing in particular. */
export async function selected(context: Context, selection: Selection, signal: AbortSignal): Promise<readonly Named[]> {
  const { words, manifests, all, selector } = selection;
  if (words.length === 0) return manifests.map((manifest) => named(context, manifest));
  const found: Named[] = [];
  for (const { resource, name } of targetsOf(context, words)) {
    const where = resource.namespaced ? { namespace: context.namespace } : {};
    if (name !== undefined) {
      if (all || selector !== undefined) throw new UsageError('give names, or --selector, or --all');
      found.push({ resource, name, ...where });
    } else if (all || selector !== undefined) {
      const objects = await listOf(context, resource, selector, signal);
      found.push(...objects.map(({ metadata }) => ({ resource, name: metadata.name, ...where })));
    } else throw new UsageError('say which: names, --selector or --all');
  }
  return found;
}

function named({ resources, namespace }: Context, manifest: Manifest): Named {
  const { value } = manifest;
  const at = (field: string): string => placeOf(manifest, field);
  const { name, namespace: given } = (value.metadata ?? {}) as { readonly name?: unknown; readonly namespace?: unknown };
  if (typeof name !== 'string' || name === '') throw new UsageError(`${at('metadata.name')}: metadata.name is missing or not a string`);
  try {
    const resource = resourceOf(resources, value.apiVersion, value.kind);
    checkName(name);
    return { resource, name, ...(resource.namespaced && { namespace: typeof given === 'string' ? given : namespace }) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${at('kind')}: ${error.message}`);
  }
}

/** The object, undefined where there is none. */
export async function fetchNamed({ api }: Pick<Context, 'api'>, one: Named, signal: AbortSignal): Promise<ApiObject | undefined> {
  try {
    return objectOf(await api.ask({ path: pathOf(one.resource, one) }, signal));
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}
