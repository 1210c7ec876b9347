import { valueAt, type JsonObject } from '../registry/json.ts';
import { badRequest } from '../registry/refusals.ts';
import type { Target } from './target.ts';

/** The text at a dotted path, empty where there is none; ApiError BadRequest where something else is there. */
export function textAt(object: JsonObject, path: string): string {
  const value = valueAt(object, path) ?? '';
  if (typeof value === 'string') return value;
  throw badRequest(`${path} must be text`);
}

/** Refuses an object that says another name or namespace than the path does. What it does not say, the path says. */
export function checkPlace({ resource, namespace, name }: Target, object: JsonObject): void {
  const itsName = textAt(object, 'metadata.name');
  const itsNamespace = textAt(object, 'metadata.namespace');
  if (name !== '' && itsName !== name && itsName !== '') {
    throw badRequest(`the name of the object (${itsName}) does not match the name on the URL (${name})`);
  }
  if (itsNamespace === '' || itsNamespace === namespace) return;
  if (resource.kind.scope === 'Cluster') throw badRequest(`metadata.namespace: ${resource.kind.kind} belongs to no namespace`);
  throw badRequest(
    `the namespace of the provided object (${itsNamespace}) does not match the namespace sent on the request (${namespace})`,
  );
}
