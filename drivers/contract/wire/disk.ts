import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Disk, DiskService, Operation, OperationService } from '../disk.ts';
import { Disk as DiskRpc } from '../gen/lenticular/driver/v1alpha1/disk_pb.js';
import type { DiskState as DiskStatePb, DiskStateSchema } from '../gen/lenticular/driver/v1alpha1/disk_pb.js';
import { Operation as OperationRpc } from '../gen/lenticular/driver/v1alpha1/operation_pb.js';
import type { OperationState as OperationStatePb, OperationStateSchema } from '../gen/lenticular/driver/v1alpha1/operation_pb.js';
import { unary } from './call.ts';
import type { WireCalls } from './call.ts';
import { adoptionFrom, adoptionTo, callFrom, callTo, mutationFrom, mutationTo, ownerFrom, ownerTo } from './context.ts';
import { narrow, oneOf, present, wide } from './scalar.ts';

const STATES = ['running', 'succeeded', 'failed', 'cancelled'] as const;
const rpc = DiskRpc.method;

/** A disk for the wire. */
export function diskTo(disk: Disk): MessageInitShape<typeof DiskStateSchema> {
  return {
    id: disk.id,
    name: disk.name,
    ...(disk.owner !== undefined && { owner: ownerTo(disk.owner) }),
    released: disk.released,
    sizeBytes: wide(disk.sizeBytes),
    actualSizeBytes: wide(disk.actualSizeBytes),
    publishedTo: [...disk.publishedTo],
    generation: wide(disk.generation),
  };
}

/** A disk from the wire. */
export function diskFrom(message: DiskStatePb | undefined): Disk {
  const state = present('disk', message);
  return {
    id: state.id,
    name: state.name,
    ...(state.owner !== undefined && { owner: ownerFrom(state.owner) }),
    released: state.released,
    sizeBytes: narrow(state.sizeBytes),
    actualSizeBytes: narrow(state.actualSizeBytes),
    publishedTo: state.publishedTo,
    generation: narrow(state.generation),
  };
}

function operationTo(operation: Operation): MessageInitShape<typeof OperationStateSchema> {
  const { id, uid, state, percent, bytesDone, bytesTotal, error } = operation;
  return { id, uid, state, percent, bytesDone: wide(bytesDone), bytesTotal: wide(bytesTotal), ...(error !== undefined && { error }) };
}

function operationFrom(message: OperationStatePb | undefined): Operation {
  const { id, uid, state, percent, bytesDone, bytesTotal, error } = present('operation', message);
  return {
    id,
    uid,
    state: oneOf('operation.state', STATES, state),
    percent,
    bytesDone: narrow(bytesDone),
    bytesTotal: narrow(bytesTotal),
    ...(error !== undefined && { error }),
  };
}

const diskResponse = {
  response: (disk: Disk) => ({ disk: diskTo(disk) }),
  result: (message: { readonly disk?: DiskStatePb | undefined }) => diskFrom(message.disk),
};
const operationResponse = {
  response: (operation: Operation) => ({ operation: operationTo(operation) }),
  result: (message: { readonly operation?: OperationStatePb | undefined }) => operationFrom(message.operation),
};
const nothing = { response: () => ({}), result: () => undefined };
const named = {
  mutating: true,
  request: (context: Parameters<DiskService['delete']>[0], uid: string) => ({ context: mutationTo(context), uid }),
};

/** The calls of DiskService. */
export const diskCalls: WireCalls<DiskService> = {
  ensure: unary(rpc.ensure, {
    mutating: true,
    request: (context, { owner, sizeBytes }) => ({ context: mutationTo(context), owner: ownerTo(owner), sizeBytes: wide(sizeBytes) }),
    args: (message) => [mutationFrom(message.context), { owner: ownerFrom(message.owner), sizeBytes: narrow(message.sizeBytes) }],
    ...diskResponse,
  }),
  import: unary(rpc.import, {
    mutating: true,
    request: (context, { owner, sizeBytes, image, operationId }) => {
      return { context: mutationTo(context), owner: ownerTo(owner), sizeBytes: wide(sizeBytes), image, operationId };
    },
    args: ({ context, owner, sizeBytes, image, operationId }) => {
      return [mutationFrom(context), { owner: ownerFrom(owner), sizeBytes: narrow(sizeBytes), image, operationId }];
    },
    ...operationResponse,
  }),
  clone: unary(rpc.clone, {
    mutating: true,
    request: (context, { owner, sizeBytes, sourceUid, operationId }) => {
      return { context: mutationTo(context), owner: ownerTo(owner), sizeBytes: wide(sizeBytes), sourceUid, operationId };
    },
    args: ({ context, owner, sizeBytes, sourceUid, operationId }) => {
      return [mutationFrom(context), { owner: ownerFrom(owner), sizeBytes: narrow(sizeBytes), sourceUid, operationId }];
    },
    ...operationResponse,
  }),
  expand: unary(rpc.expand, {
    mutating: true,
    request: (context, { uid, sizeBytes }) => ({ context: mutationTo(context), uid, sizeBytes: wide(sizeBytes) }),
    args: (message) => [mutationFrom(message.context), { uid: message.uid, sizeBytes: narrow(message.sizeBytes) }],
    ...diskResponse,
  }),
  delete: unary(rpc.delete, { ...named, args: (message) => [mutationFrom(message.context), message.uid], ...nothing }),
  release: unary(rpc.release, { ...named, args: (message) => [mutationFrom(message.context), message.uid], ...nothing }),
  get: unary(rpc.get, {
    mutating: false,
    request: (context, uid) => ({ context: callTo(context), uid }),
    args: (message) => [callFrom(message.context), message.uid],
    response: (disk) => (disk === undefined ? {} : { disk: diskTo(disk) }),
    result: ({ disk }) => (disk === undefined ? undefined : diskFrom(disk)),
  }),
  list: unary(rpc.list, {
    mutating: false,
    request: (context) => ({ context: callTo(context) }),
    args: (message) => [callFrom(message.context)],
    response: (disks) => ({ disks: disks.map(diskTo) }),
    result: ({ disks }) => disks.map(diskFrom),
  }),
  publish: unary(rpc.publish, {
    mutating: true,
    request: (context, { uid, hostId }) => ({ context: mutationTo(context), uid, hostId }),
    args: (message) => [mutationFrom(message.context), { uid: message.uid, hostId: message.hostId }],
    response: ({ protocol, attributes }) => ({ connection: { protocol, attributes: { ...attributes } } }),
    result: ({ connection }) => {
      const { protocol, attributes } = present('connection', connection);
      return { protocol, attributes };
    },
  }),
  unpublish: unary(rpc.unpublish, {
    mutating: true,
    request: (context, { uid, hostId }) => ({ context: mutationTo(context), uid, hostId }),
    args: (message) => [mutationFrom(message.context), { uid: message.uid, hostId: message.hostId }],
    ...nothing,
  }),
  adopt: unary(rpc.adopt, { mutating: true, request: adoptionTo, args: adoptionFrom, ...diskResponse }),
};

/** The calls of OperationService. */
export const operationCalls: WireCalls<OperationService> = {
  get: unary(OperationRpc.method.get, {
    mutating: false,
    request: (context, id) => ({ context: callTo(context), id }),
    args: (message) => [callFrom(message.context), message.id],
    response: (operation) => (operation === undefined ? {} : { operation: operationTo(operation) }),
    result: ({ operation }) => (operation === undefined ? undefined : operationFrom(operation)),
  }),
  list: unary(OperationRpc.method.list, {
    mutating: false,
    request: (context) => ({ context: callTo(context) }),
    args: (message) => [callFrom(message.context)],
    response: (operations) => ({ operations: operations.map(operationTo) }),
    result: ({ operations }) => operations.map(operationFrom),
  }),
  cancel: unary(OperationRpc.method.cancel, {
    mutating: true,
    request: (context, id) => ({ context: mutationTo(context), id }),
    args: (message) => [mutationFrom(message.context), message.id],
    ...nothing,
  }),
};
