import type { Api } from './api.ts';
import { UsageError } from './usage-error.ts';

/** One kind as the server announces it. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly singularName: string;
    readonly namespaced: boolean;
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

interface GroupList {
  readonly groups: readonly { readonly name: string; readonly preferredVersion: { readonly version: string } }[];
}

/** Asks the server which kinds there are, core group first. */
export async function discover(api: Api, signal: AbortSignal): Promise<readonly Resource[]> {
  const { groups } = (await api.ask({ path: '/apis' }, signal)) as GroupList;
  const places = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...groups.map(({ name, preferredVersion: { version } }) => ({ group: name, version, path: `/apis/${name}/${version}` })),
  ];
  const lists = await Promise.all(
    places.map(async (place) => ({ ...place, list: (await api.ask({ path: place.path }, signal)) as ResourceList })),
  );
  return lists.flatMap(({ group, version, list }) =>
    list.resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, kind, singularName, namespaced, shortNames = [], categories = [], verbs }) => ({
        group,
        version,
        kind,
        plural: name,
        singular: singularName,
        shortNames,
        categories,
        namespaced,
        verbs,
      })),
  );
}

/** `volume.storage.lenticular.dev`, as kubectl names it; just the singular in the core group. */
export function qualifiedName({ singular, group }: Resource): string {
  return group === '' ? singular : `${singular}.${group}`;
}

/** Finds what a person means by `vm`, `vms`, `VirtualMachine` or `virtualmachines.compute.lenticular.dev`; a category gives several. Throws UsageError. */
export function resourcesNamed(resources: readonly Resource[], word: string): readonly Resource[] {
  const wanted = word.toLowerCase();
  const listable = resources.filter(({ verbs }) => verbs.includes('list'));
  const exact = listable.find(({ group, version, kind, plural, singular, shortNames }) => {
    const names = [kind.toLowerCase(), plural, singular, ...shortNames];
    return names.some((name) => wanted === name || wanted === `${name}.${group}` || wanted === `${name}.${version}.${group}`);
  });
  if (exact !== undefined) return [exact];
  const inCategory = listable.filter(({ categories }) => categories.includes(wanted));
  if (inCategory.length > 0) return inCategory;
  throw new UsageError(`the server doesn't have a resource type "${word}": see kubectl api-resources`);
}

/** The resource of a manifest's apiVersion and kind. Throws UsageError. */
export function resourceOf(resources: readonly Resource[], apiVersion: unknown, kind: unknown): Resource {
  const found = resources.find(
    (resource) =>
      resource.kind === kind && apiVersion === (resource.group === '' ? resource.version : `${resource.group}/${resource.version}`),
  );
  if (found !== undefined) return found;
  throw new UsageError(`no kind ${JSON.stringify(kind)} in apiVersion ${JSON.stringify(apiVersion)}: see kubectl api-resources`);
}

/** Whether a name can stand in a path; what else is wrong with it is the server's to say. */
export function isPathSafe(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/%\u0000-\u001f\u007f]/.test(name);
}

/** The name, which stands in a path. Throws UsageError. */
export function checkName(name: string): string {
  if (isPathSafe(name)) return name;
  throw new UsageError(`${JSON.stringify(name)} is no name: it may not be "", "." or "..", nor hold "/", "%" or control characters`);
}

/** The path of the collection, or of one object in it; without a namespace, of all namespaces. Not encoded: transports do that. */
export function pathOf(
  { group, version, plural, namespaced }: Resource,
  where: { readonly namespace?: string; readonly name?: string },
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced && where.namespace !== undefined ? `/namespaces/${checkName(where.namespace)}` : '';
  return `${root}${scope}/${plural}${where.name === undefined ? '' : `/${checkName(where.name)}`}`;
}
