import { noSuchPath } from '../registry/refusals.ts';
import { isNamespaces, type Resource } from '../registry/resource.ts';

/** What a path names: a collection where `name` is empty, else one object or a part of it. */
export interface Target {
  readonly resource: Resource;
  /** Empty for cluster-scoped kinds, and for a collection over all namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly subresource: '' | 'status' | 'finalize';
}

/** Splits a path into group and version and what follows; undefined for paths that are no resource, such as discovery. */
function split(path: string): { readonly groupVersion: string; readonly rest: readonly string[] } | undefined {
  const [root, ...parts] = path.replace(/^\/+|\/+$/g, '').split('/');
  const own = root === 'api' ? 1 : root === 'apis' ? 2 : undefined;
  if (own === undefined || parts.length <= own) return undefined;
  return { groupVersion: parts.slice(0, own).join('/'), rest: parts.slice(own) };
}

function subresourceOf(resource: Resource, text: string): Target['subresource'] {
  if (text === '') return '';
  if (text === 'status' && resource.kind.statusSubresource) return text;
  if (text === 'finalize' && isNamespaces(resource)) return text;
  throw noSuchPath();
}

/** Where `namespaces/N/...` holds a collection, the namespace is cut off in front; `namespaces/N/status` is a namespace itself. */
function scopeOf(
  rest: readonly string[],
  plurals: { has(plural: string): boolean },
): { readonly namespace: string; readonly parts: readonly string[] } {
  const [first, namespace = '', third = ''] = rest;
  const scoped =
    first === 'namespaces' && rest.length > 2 && (rest.length > 3 || plurals.has(third) || !['status', 'finalize'].includes(third));
  return scoped ? { namespace, parts: rest.slice(2) } : { namespace: '', parts: rest };
}

/** A function that says what a path names among the resources: undefined where it is no resource path; it throws ApiError NotFound where it names none of them. */
export function createTargets(resources: readonly Resource[]): (path: string) => Target | undefined {
  const served = new Map<string, Map<string, Resource>>();
  for (const resource of resources) {
    const plurals = served.get(resource.apiVersion) ?? new Map<string, Resource>();
    served.set(resource.apiVersion, plurals.set(resource.kind.plural, resource));
  }
  return (path) => {
    const found = split(path);
    return found && targetIn(served.get(found.groupVersion) ?? new Map<string, Resource>(), found.rest);
  };
}

function targetIn(plurals: ReadonlyMap<string, Resource>, rest: readonly string[]): Target {
  const { namespace, parts } = scopeOf(rest, plurals);
  const [plural = '', name = '', part = '', ...more] = parts;
  const resource = plurals.get(plural);
  if (resource === undefined || more.length > 0 || parts.slice(1).includes('')) throw noSuchPath();
  const namespaced = resource.kind.scope === 'Namespaced';
  if (namespaced ? namespace === '' && name !== '' : namespace !== '') throw noSuchPath();
  return { resource, namespace, name, subresource: subresourceOf(resource, part) };
}
