import type { StatusCause } from '../../apis/meta/api-error.ts';
import type { ObjectMeta } from '../../apis/meta/object.ts';
import { isList, isObject, valueAt } from '../registry/json.ts';
import { isNamespaces, type Resource } from '../registry/resource.ts';
import { duplicate, forbiddenField, invalidValue, required } from './causes.ts';
import type { SentMetadata } from './metadata-schema.ts';
import { isLabelName, isLabelValue, isQualifiedName, isSubdomain } from './names.ts';

const ANNOTATIONS_BYTES = 256 * 1024;
const MOST = { finalizers: 64, ownerReferences: 64, labels: 4096, annotations: 4096 } as const;
const STANDARD_FINALIZERS: readonly string[] = ['orphan', 'foregroundDeletion', 'kubernetes'];

const QUALIFIED =
  'must be a qualified name: letters, digits, "-", "_" and ".", at most 63, optionally with a DNS-1123 subdomain and "/" before it';

function nameCauses(resource: Resource, name: string): readonly StatusCause[] {
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  if (isNamespaces(resource) && !isLabelName(name)) {
    return [invalidValue('metadata.name', name, 'must be a DNS-1123 label: at most 63 lower-case letters, digits and "-"')];
  }
  if (isSubdomain(name)) return [];
  const rule =
    'must be a DNS-1123 subdomain: at most 253 lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit';
  return [invalidValue('metadata.name', name, rule)];
}

function labelCauses({ labels = {}, annotations = {} }: SentMetadata): readonly StatusCause[] {
  const size = Object.entries(annotations).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...Object.entries(labels).flatMap(([key, value]) => [
      ...(isQualifiedName(key) ? [] : [invalidValue('metadata.labels', key, QUALIFIED)]),
      ...(isLabelValue(value)
        ? []
        : [invalidValue('metadata.labels', value, 'must be empty or at most 63 letters, digits, "-", "_" and "."')]),
    ]),
    ...Object.keys(annotations).flatMap((key) =>
      isQualifiedName(key.toLowerCase()) ? [] : [invalidValue('metadata.annotations', key, QUALIFIED)],
    ),
    ...(size > ANNOTATIONS_BYTES
      ? [
          {
            reason: 'FieldValueTooLong',
            message: `Too long: may not be more than ${String(ANNOTATIONS_BYTES)} bytes`,
            field: 'metadata.annotations',
          },
        ]
      : []),
  ];
}

function finalizerCauses({ finalizers = [] }: SentMetadata): readonly StatusCause[] {
  return finalizers.flatMap((finalizer, index) => {
    const field = `metadata.finalizers[${String(index)}]`;
    if (!isQualifiedName(finalizer)) return [invalidValue(field, finalizer, QUALIFIED)];
    if (finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)) return [];
    return [
      invalidValue(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified, such as example.org/name'),
    ];
  });
}

function ownerCauses({ ownerReferences = [] }: SentMetadata): readonly StatusCause[] {
  const controllers = ownerReferences.filter(({ controller }) => controller === true);
  const uids = ownerReferences.map(({ uid }) => uid);
  return [
    ...ownerReferences.flatMap((owner, index) =>
      (['apiVersion', 'kind', 'name', 'uid'] as const).flatMap((field) =>
        owner[field] === '' ? [required(`metadata.ownerReferences[${String(index)}].${field}`)] : [],
      ),
    ),
    ...(controllers.length > 1
      ? [invalidValue('metadata.ownerReferences', controllers, 'only one reference can have controller set to true')]
      : []),
    ...uids.flatMap((uid, index) =>
      uids.indexOf(uid) < index ? [duplicate(`metadata.ownerReferences[${String(index)}].uid`, JSON.stringify(uid))] : [],
    ),
  ];
}

/** What metadata has too many of, whatever it is: counted before anything is walked, so that a million faults are one. */
export function countCauses(metadata: unknown): readonly StatusCause[] {
  return Object.entries(MOST).flatMap(([name, most]) => {
    const value = valueAt(metadata, name);
    const count = isList(value) ? value.length : isObject(value) ? Object.keys(value).length : 0;
    const message = `Too many: ${String(count)}: must have at most ${String(most)} items`;
    return count > most ? [{ reason: 'FieldValueTooMany', message, field: `metadata.${name}` }] : [];
  });
}

/** What is wrong with the metadata of an object that shall be stored. */
export function metadataCauses(resource: Resource, metadata: SentMetadata): readonly StatusCause[] {
  return [...nameCauses(resource, metadata.name ?? ''), ...labelCauses(metadata), ...finalizerCauses(metadata), ...ownerCauses(metadata)];
}

/** What an update may not do to metadata that only the server writes, and what it may not do once deletion has begun. */
export function metadataUpdateCauses(sent: SentMetadata, before: ObjectMeta): readonly StatusCause[] {
  const fixed = (['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const).flatMap((field) => {
    const value = sent[field] ?? undefined;
    return value === undefined || value === before[field] ? [] : [invalidValue(`metadata.${field}`, value, 'field is immutable')];
  });
  if (before.deletionTimestamp === undefined) return fixed;
  const added = (sent.finalizers ?? []).filter((finalizer) => !(before.finalizers ?? []).includes(finalizer));
  if (added.length === 0) return fixed;
  const because = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
  return [...fixed, forbiddenField('metadata.finalizers', because)];
}
