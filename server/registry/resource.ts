import { apiVersionOf, type KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';

/** A kind as the API serves it: its names, where its objects are stored, and in which shape. */
export interface Resource {
  readonly kind: KindDefinition;
  readonly apiVersion: string;
  /** How messages name it: `zones.infra.lenticular.dev`, or `namespaces` in the core group. */
  readonly name: string;
  /** What the keys of its stored objects begin with; faces of one stored kind share it. */
  readonly prefix: string;
  toStored(object: ApiObject): ApiObject;
  /** The same stored object gives the same answer object every time. */
  fromStored(object: ApiObject): ApiObject;
}

function sameObject(object: ApiObject): ApiObject {
  return object;
}

function resourceOf(kind: KindDefinition): Resource {
  const { storedAs } = kind;
  const home = storedAs ?? kind;
  const shared = {
    kind,
    apiVersion: apiVersionOf(kind),
    name: kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`,
    prefix: `${home.group === '' ? 'core' : home.group}/${home.plural}/`,
  };
  if (storedAs === undefined) return { ...shared, toStored: sameObject, fromStored: sameObject };
  const faces = new WeakMap<ApiObject, ApiObject>();
  return {
    ...shared,
    toStored: (object) => storedAs.toStored(object) as ApiObject,
    fromStored(object) {
      const known = faces.get(object);
      if (known !== undefined) return known;
      const face = storedAs.fromStored(object) as ApiObject;
      faces.set(object, face);
      return face;
    },
  };
}

/** One resource for every kind of a catalog, in its order. */
export function resourcesOf(catalog: readonly KindDefinition[]): readonly Resource[] {
  return catalog.map(resourceOf);
}

/** The key of one object; `namespace` is empty for cluster-scoped kinds. */
export function keyOf(resource: Resource, namespace: string, name: string): string {
  return `${prefixIn(resource, namespace)}${name}`;
}

/** What the keys of all objects in a namespace begin with; of all objects at all, when `namespace` is empty. */
export function prefixIn(resource: Resource, namespace: string): string {
  return namespace === '' ? resource.prefix : `${resource.prefix}${namespace}/`;
}

/** Whether a resource is the Namespace kind: the one kind whose life the server itself manages. */
export function isNamespaces(resource: Resource): boolean {
  return resource.kind.group === '' && resource.kind.plural === 'namespaces';
}

/** The namespaces that are always there: the one for whoever names none, and the server's own. */
export const SERVER_NAMESPACES: readonly string[] = ['default', 'lenticular-system'];
