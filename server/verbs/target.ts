import { noSuchPath } from '../registry/refusals.ts';
import { isNamespaces, type Resource } from '../registry/resource.ts';
import { apiVersionOf } from '../../apis/meta/kind.ts';

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
function scopeOf(rest: readonly string[], plurals: ReadonlySet<string>): { readonly namespace: string; readonly parts: readonly string[] } {
  const [first, namespace = '', third = ''] = rest;
  const scoped =
    first === 'namespaces' && rest.length > 2 && (rest.length > 3 || plurals.has(third) || !['status', 'finalize'].includes(third));
  return scoped ? { namespace, parts: rest.slice(2) } : { namespace: '', parts: rest };
}

/** What the path names among the resources; undefined where it is no resource path, ApiError NotFound where it names none of them. */
export function targetOf(resources: readonly Resource[], path: string): Target | undefined {
  const found = split(path);
  if (found === undefined) return undefined;
  const served = resources.filter(({ kind }) => apiVersionOf(kind) === found.groupVersion);
  const { namespace, parts } = scopeOf(found.rest, new Set(served.map(({ kind }) => kind.plural)));
  const [plural, name = '', part = '', ...more] = parts;
  const resource = served.find(({ kind }) => kind.plural === plural);
  if (resource === undefined || more.length > 0 || parts.slice(1).includes('')) throw noSuchPath();
  const namespaced = resource.kind.scope === 'Namespaced';
  if (namespaced ? namespace === '' && name !== '' : namespace !== '') throw noSuchPath();
  return { resource, namespace, name, subresource: subresourceOf(resource, part) };
}
