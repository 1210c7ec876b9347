import type { ApiObject, ObjectMeta } from '../../apis/meta/object.ts';
import { isList, valueAt } from './json.ts';
import { isNamespaces, type Resource } from './resource.ts';

/** What must be done before an object goes: its finalizers and, of a namespace, those of its spec. */
export function finalizersOf(resource: Resource, object: ApiObject): readonly string[] {
  const own = object.metadata.finalizers ?? [];
  const ofSpec = isNamespaces(resource) ? valueAt(object, 'spec.finalizers') : undefined;
  return isList(ofSpec) ? [...own, ...ofSpec.map(String)] : own;
}

/** Whether deletion was asked for and nothing stands in its way any more. */
export function isReleased(resource: Resource, object: ApiObject): boolean {
  return object.metadata.deletionTimestamp !== undefined && finalizersOf(resource, object).length === 0;
}

/** The object once deletion was asked for at `now`; deletion is a change of what is declared, so the generation grows. */
export function markDeleting(resource: Resource, object: ApiObject, now: string, finalizer: string | undefined): ApiObject {
  const { metadata } = object;
  const finalizers = [...new Set([...(metadata.finalizers ?? []), ...(finalizer === undefined ? [] : [finalizer])])];
  const marked: ObjectMeta = {
    ...metadata,
    ...(metadata.deletionTimestamp === undefined && {
      deletionTimestamp: now,
      deletionGracePeriodSeconds: 0,
      ...(resource.kind.generations && { generation: metadata.generation + 1 }),
    }),
    ...(finalizers.length > 0 && { finalizers }),
  };
  const phase = isNamespaces(resource) ? { status: { ...(object.status as object | undefined), phase: 'Terminating' } } : {};
  return { ...object, metadata: marked, ...phase };
}
