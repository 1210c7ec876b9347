import type { ApiObject, ObjectMeta } from '../../apis/meta/object.ts';
import { sameJson, without, type JsonObject } from '../registry/json.ts';
import type { Resource } from '../registry/resource.ts';
import type { SentMetadata } from './metadata-schema.ts';

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function timestampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The lists and maps of metadata that clients own; empty ones are left out, as Kubernetes does. */
function owned({ labels = {}, annotations = {}, ownerReferences = [], finalizers = [] }: SentMetadata): Partial<ObjectMeta> {
  return {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
    ...(ownerReferences.length > 0 && { ownerReferences: ownerReferences }),
    ...(finalizers.length > 0 && { finalizers: [...new Set(finalizers)] }),
  };
}

/** The object with metadata first, as people expect to read it. */
export function assemble({ kind, apiVersion }: Resource, metadata: ObjectMeta, fields: JsonObject): ApiObject {
  return { apiVersion, kind: kind.kind, metadata, ...fields };
}

export interface Birth {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly now: string;
}

/** Metadata of a new object: what only the server may say, and what the client owns. It has no resourceVersion before it is stored. */
export function stampNew({ kind }: Resource, sent: SentMetadata, { namespace, name, uid, now }: Birth): ObjectMeta {
  const stamped = {
    name,
    ...(sent.generateName !== undefined && sent.generateName !== '' && { generateName: sent.generateName }),
    ...(namespace !== '' && { namespace }),
    uid,
    ...(kind.generations && { generation: 1 }),
    creationTimestamp: now,
    ...owned(sent),
  };
  return stamped as ObjectMeta;
}

/** What a kind declares: everything beside metadata and, where status is a subresource, status. */
function declared({ kind }: Resource, object: JsonObject): JsonObject {
  return without(object, 'apiVersion', 'kind', 'metadata', ...(kind.statusSubresource ? ['status'] : []));
}

/** Metadata of a changed object: the old, with what the client owns; the generation grows when what is declared changes. */
export function stampChanged(resource: Resource, sent: SentMetadata, before: ApiObject, fields: JsonObject): ObjectMeta {
  const kept = without({ ...before.metadata }, 'labels', 'annotations', 'ownerReferences', 'finalizers') as unknown as ObjectMeta;
  const changed = resource.kind.generations && !sameJson(declared(resource, before), declared(resource, fields));
  return { ...kept, ...(changed && { generation: before.metadata.generation + 1 }), ...owned(sent) };
}
