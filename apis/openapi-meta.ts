type Json = Readonly<Record<string, unknown>>;

const PREFIX = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** The name of a type that all kinds share, among the schemas of an OpenAPI document. */
export function metaName(type: string): string {
  return `${PREFIX}${type}`;
}

/** A reference to a schema of the same document. */
export function refTo(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

const text = (description: string): Json => ({ type: 'string', description });
const time = (description: string): Json => ({ type: 'string', format: 'date-time', description });
const flag = (description: string): Json => ({ type: 'boolean', description });
const count = (description: string): Json => ({ type: 'integer', format: 'int64', description });
const texts = (description: string, more: Json = {}): Json => ({
  type: 'array',
  items: { type: 'string', default: '' },
  description,
  ...more,
});
const textMap = (description: string): Json => ({ type: 'object', additionalProperties: { type: 'string', default: '' }, description });
const one = (type: string, description: string): Json => ({ description, allOf: [refTo(metaName(type))] });
const many = (type: string, description: string, more: Json = {}): Json => ({
  type: 'array',
  items: { default: {}, allOf: [refTo(metaName(type))] },
  description,
  ...more,
});
const object = (description: string, properties: Json, more: Json = {}): Json => ({ type: 'object', description, properties, ...more });

const TYPE_FIELDS = {
  apiVersion: text('The group and version of the kind.'),
  kind: text('The kind.'),
};

const ObjectMeta = object("An object's name, labels and the like.", {
  annotations: textMap('Notes for programs, by name; they select nothing.'),
  creationTimestamp: time('When the object was created. Set by the server.'),
  deletionGracePeriodSeconds: count('Seconds given to an orderly end. Set by the server.'),
  deletionTimestamp: time('When deletion was asked for; the object goes when its last finalizer does. Set by the server.'),
  finalizers: texts('Who must finish before a deleted object goes.', {
    'x-kubernetes-list-type': 'set',
    'x-kubernetes-patch-strategy': 'merge',
  }),
  generateName: text('A prefix, to which the server adds a random end where name is not given.'),
  generation: count('Grows with every change of what is declared. Set by the server.'),
  labels: textMap('Names and values by which objects are selected.'),
  managedFields: many('ManagedFieldsEntry', 'Who manages which fields. Set by the server.', { 'x-kubernetes-list-type': 'atomic' }),
  name: text('The name, unique in its scope. It cannot be changed.'),
  namespace: text('The namespace of the name; none for cluster-scoped kinds. It cannot be changed.'),
  ownerReferences: many('OwnerReference', 'Objects that this one depends on: when all are gone, so is it.', {
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['uid'],
    'x-kubernetes-patch-merge-key': 'uid',
    'x-kubernetes-patch-strategy': 'merge',
  }),
  resourceVersion: text('Changes with every write; send it back to write only what you have read. Set by the server.'),
  selfLink: text('Not used any more.'),
  uid: text('Identifies the object among all that ever were. Set by the server.'),
});

const OwnerReference = object(
  'An object that another depends on, of the same namespace or of none.',
  {
    ...TYPE_FIELDS,
    name: text('Its name.'),
    uid: text('Its uid.'),
    controller: flag('Whether it is the one that manages.'),
    blockOwnerDeletion: flag('Whether the owner, deleted in the foreground, waits for this object to go.'),
  },
  { required: ['apiVersion', 'kind', 'name', 'uid'], 'x-kubernetes-map-type': 'atomic' },
);

const ManagedFieldsEntry = object('The fields that one manager has set.', {
  apiVersion: text('The version in which the fields are named.'),
  fieldsType: text('Always FieldsV1.'),
  fieldsV1: { type: 'object', description: 'The fields.' },
  manager: text('Who.'),
  operation: text('Apply or Update.'),
  subresource: text('The subresource that was written, if any.'),
  time: time('When the entry last changed.'),
});

const ListMeta = object('What is true of a list as a whole.', {
  continue: text('Asks for the next part of a long list.'),
  remainingItemCount: count('How many more there are, if known.'),
  resourceVersion: text('The version that the list shows.'),
  selfLink: text('Not used any more.'),
});

const Preconditions = object('What must be true of an object for it to be deleted.', {
  resourceVersion: text('Its resourceVersion.'),
  uid: text('Its uid.'),
});

const DeleteOptions = object('How to delete.', {
  ...TYPE_FIELDS,
  dryRun: texts('All: nothing is deleted.', { 'x-kubernetes-list-type': 'atomic' }),
  gracePeriodSeconds: count('Seconds given to an orderly end.'),
  orphanDependents: flag('Not used any more: see propagationPolicy.'),
  preconditions: one('Preconditions', 'What must be true of the object.'),
  propagationPolicy: text('What becomes of dependents. Background: deleted later. Foreground: deleted first. Orphan: kept.'),
});

const StatusCause = object('One thing that was wrong.', {
  field: text('The field.'),
  message: text('What is wrong with it.'),
  reason: text('Why, as one word.'),
});

const StatusDetails = object('What a failed request was about.', {
  causes: many('StatusCause', 'What was wrong.', { 'x-kubernetes-list-type': 'atomic' }),
  group: text('The group of the kind.'),
  kind: text('The kind.'),
  name: text('The name of the object.'),
  retryAfterSeconds: { type: 'integer', format: 'int32', description: 'When to try again.' },
  uid: text('The uid of the object.'),
});

const Status = object(
  'How a request ended that does not return an object.',
  {
    ...TYPE_FIELDS,
    code: { type: 'integer', format: 'int32', description: 'The HTTP code.' },
    details: one('StatusDetails', 'What it was about.'),
    message: text('Why, as a sentence.'),
    metadata: one('ListMeta', 'Of no meaning here.'),
    reason: text('Why, as one word.'),
    status: text('Success or Failure.'),
  },
  { 'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Status' }] },
);

const TYPES: Json = {
  DeleteOptions,
  ListMeta,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  Patch: { type: 'object', description: 'A change of an object, in the format that Content-Type names.' },
  Preconditions,
  Status,
  StatusCause,
  StatusDetails,
};

/** The types that every document needs, by the name of their schema. */
export const META_SCHEMAS: Json = Object.fromEntries(Object.entries(TYPES).map(([type, schema]) => [metaName(type), schema]));
