/** A field of a message, by the JSON name it gets and how its bytes are read. */
export type ProtobufField =
  | {
      readonly type: 'string' | 'int' | 'bool' | 'time' | 'microtime';
      readonly name: string;
      /** Whether an empty text, 0 or false is a value that JSON clients send too; else it stands for nothing and is left away. */
      readonly zero: 'kept' | 'dropped';
    }
  | { readonly type: 'strings' | 'map' | 'ignored'; readonly name: string }
  | { readonly type: 'message' | 'messages'; readonly name: string; readonly message: ProtobufMessage };

/** The fields of a message that are read, by their number; a body that sets another one is refused. Messages never contain themselves. */
export type ProtobufMessage = ReadonlyMap<number, ProtobufField>;

type Scalar = Extract<ProtobufField, { zero: unknown }>['type'];
type Entry = readonly [number: number, field: ProtobufField];

/** A scalar that is always on the wire, so that its zero means that nobody set it. */
const one = (number: number, name: string, type: Scalar = 'string'): Entry => [number, { type, name, zero: 'dropped' }];
/** A scalar whose zero is as good a value as any other. */
const set = (number: number, name: string, type: Scalar = 'string'): Entry => [number, { type, name, zero: 'kept' }];
const list = (number: number, name: string): Entry => [number, { type: 'strings', name }];
const map = (number: number, name: string): Entry => [number, { type: 'map', name }];
const part = (number: number, name: string, message: ProtobufMessage): Entry => [number, { type: 'message', name, message }];
const parts = (number: number, name: string, message: ProtobufMessage): Entry => [number, { type: 'messages', name, message }];

const OWNER_REFERENCE: ProtobufMessage = new Map([
  set(1, 'kind'),
  set(3, 'name'),
  set(4, 'uid'),
  set(5, 'apiVersion'),
  set(6, 'controller', 'bool'),
  set(7, 'blockOwnerDeletion', 'bool'),
]);

const OBJECT_META: ProtobufMessage = new Map<number, ProtobufField>([
  one(1, 'name'),
  one(2, 'generateName'),
  one(3, 'namespace'),
  one(4, 'selfLink'),
  one(5, 'uid'),
  one(6, 'resourceVersion'),
  one(7, 'generation', 'int'),
  one(8, 'creationTimestamp', 'time'),
  one(9, 'deletionTimestamp', 'time'),
  set(10, 'deletionGracePeriodSeconds', 'int'),
  map(11, 'labels'),
  map(12, 'annotations'),
  parts(13, 'ownerReferences', OWNER_REFERENCE),
  list(14, 'finalizers'),
  // This API keeps none, and lets JSON clients send them too.
  [17, { type: 'ignored', name: 'managedFields' }],
]);

const NAMESPACE_CONDITION: ProtobufMessage = new Map([
  set(1, 'type'),
  set(2, 'status'),
  one(4, 'lastTransitionTime', 'time'),
  one(5, 'reason'),
  one(6, 'message'),
]);

const NAMESPACE: ProtobufMessage = new Map([
  part(1, 'metadata', OBJECT_META),
  part(2, 'spec', new Map([list(1, 'finalizers')])),
  part(3, 'status', new Map([one(1, 'phase'), parts(2, 'conditions', NAMESPACE_CONDITION)])),
]);

const OBJECT_REFERENCE: ProtobufMessage = new Map([
  one(1, 'kind'),
  one(2, 'namespace'),
  one(3, 'name'),
  one(4, 'uid'),
  one(5, 'apiVersion'),
  one(6, 'resourceVersion'),
  one(7, 'fieldPath'),
]);

const EVENT_SOURCE: ProtobufMessage = new Map([one(1, 'component'), one(2, 'host')]);
const EVENT_SERIES: ProtobufMessage = new Map([set(1, 'count', 'int'), one(2, 'lastObservedTime', 'microtime')]);

const CORE_EVENT: ProtobufMessage = new Map([
  part(1, 'metadata', OBJECT_META),
  part(2, 'involvedObject', OBJECT_REFERENCE),
  one(3, 'reason'),
  one(4, 'message'),
  part(5, 'source', EVENT_SOURCE),
  one(6, 'firstTimestamp', 'time'),
  one(7, 'lastTimestamp', 'time'),
  one(8, 'count', 'int'),
  one(9, 'type'),
  one(10, 'eventTime', 'microtime'),
  part(11, 'series', EVENT_SERIES),
  one(12, 'action'),
  part(13, 'related', OBJECT_REFERENCE),
  one(14, 'reportingComponent'),
  one(15, 'reportingInstance'),
]);

const EVENT: ProtobufMessage = new Map([
  part(1, 'metadata', OBJECT_META),
  one(2, 'eventTime', 'microtime'),
  part(3, 'series', EVENT_SERIES),
  one(4, 'reportingController'),
  one(5, 'reportingInstance'),
  one(6, 'action'),
  one(7, 'reason'),
  part(8, 'regarding', OBJECT_REFERENCE),
  part(9, 'related', OBJECT_REFERENCE),
  one(10, 'note'),
  one(11, 'type'),
  part(12, 'deprecatedSource', EVENT_SOURCE),
  one(13, 'deprecatedFirstTimestamp', 'time'),
  one(14, 'deprecatedLastTimestamp', 'time'),
  one(15, 'deprecatedCount', 'int'),
]);

const LEASE: ProtobufMessage = new Map([
  part(1, 'metadata', OBJECT_META),
  part(
    2,
    'spec',
    new Map([
      set(1, 'holderIdentity'),
      set(2, 'leaseDurationSeconds', 'int'),
      one(3, 'acquireTime', 'microtime'),
      one(4, 'renewTime', 'microtime'),
      set(5, 'leaseTransitions', 'int'),
      set(6, 'strategy'),
      set(7, 'preferredHolder'),
    ]),
  ),
]);

const DELETE_OPTIONS: ProtobufMessage = new Map([
  set(1, 'gracePeriodSeconds', 'int'),
  part(2, 'preconditions', new Map([set(1, 'uid'), set(2, 'resourceVersion')])),
  set(3, 'orphanDependents', 'bool'),
  set(4, 'propagationPolicy'),
  list(5, 'dryRun'),
  set(6, 'ignoreStoreReadErrorWithClusterBreakingPotential', 'bool'),
]);

const KINDS: ReadonlyMap<string, ProtobufMessage> = new Map([
  ['v1 Namespace', NAMESPACE],
  ['v1 Event', CORE_EVENT],
  ['events.k8s.io/v1 Event', EVENT],
  ['coordination.k8s.io/v1 Lease', LEASE],
]);

/** The message of a kind, by the field numbers that Kubernetes publishes for it; undefined where its objects come as JSON only. */
export function protobufMessageOf(apiVersion: string, kind: string): ProtobufMessage | undefined {
  // Clients write the options of a delete in the group of what they delete, and every group has them.
  return kind === 'DeleteOptions' ? DELETE_OPTIONS : KINDS.get(`${apiVersion} ${kind}`);
}
