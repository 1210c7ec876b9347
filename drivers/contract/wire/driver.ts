import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { Events as EventsRpc, Host as HostRpc, Pool as PoolRpc } from '../gen/lenticular/driver/v1alpha1/host_pb.js';
import { Identity as IdentityRpc } from '../gen/lenticular/driver/v1alpha1/identity_pb.js';
import { Power as PowerRpc } from '../gen/lenticular/driver/v1alpha1/power_pb.js';
import { Session as SessionRpc } from '../gen/lenticular/driver/v1alpha1/session_pb.js';
import type { ConfigBag, DriverEvent, HostService, IdentityService, Json, PoolService, PowerService, SessionService } from '../driver.ts';
import { CATEGORIES } from '../driver.ts';
import { fieldInvalid } from '../names.ts';
import { pathOf, unary } from './call.ts';
import type { WireCalls } from './call.ts';
import { callFrom, callTo, fenceFrom, fenceTo, mutationFrom, mutationTo } from './context.ts';
import { diskCalls, diskFrom, diskTo, operationCalls } from './disk.ts';
import { machineCalls, machineFrom, machineTo } from './machine.ts';
import { narrow, oneOf, present, wide } from './scalar.ts';

const EVENTS = ['machine', 'disk', 'host', 'pool', 'operation', 'RESYNC', 'BEAT'] as const;
const identity = IdentityRpc.method;
const session = SessionRpc.method;
const nothing = { response: () => ({}), result: () => undefined };

/** A bag or a schema for the wire, by value. */
function structTo(bag: Readonly<Record<string, Json>>): JsonObject {
  return structuredClone(bag) as JsonObject;
}

const identityCalls: WireCalls<IdentityService> = {
  getInfo: unary(identity.getInfo, {
    mutating: false,
    request: () => ({}),
    args: () => [],
    response: ({ name, version, instance, contractVersions, categories }) => {
      return { name, version, instance, contractVersions: [...contractVersions], categories: [...categories] };
    },
    result: ({ name, version, instance, contractVersions, categories }) => {
      return { name, version, instance, contractVersions, categories: CATEGORIES.filter((category) => categories.includes(category)) };
    },
  }),
  getCapabilities: unary(identity.getCapabilities, {
    mutating: false,
    request: () => ({}),
    args: () => [],
    response: (capabilities) => ({ capabilities: [...capabilities] }),
    // A capability that this version does not know is kept: nobody asks for it.
    result: ({ capabilities }) => capabilities as Awaited<ReturnType<IdentityService['getCapabilities']>>[number][],
  }),
  getConfigSchema: unary(identity.getConfigSchema, {
    mutating: false,
    request: (category) => ({ category }),
    args: ({ category }) => [oneOf('category', CATEGORIES, category)],
    response: (schema) => ({ schema: structTo(schema) }),
    result: ({ schema }) => present('schema', schema),
  }),
  probe: unary(identity.probe, {
    mutating: false,
    request: () => ({}),
    args: () => [],
    response: ({ ready, reason }) => ({ ready, reason: reason ?? '' }),
    result: ({ ready, reason }) => ({ ready, ...(reason !== '' && { reason }) }),
  }),
};

const sessionCalls: WireCalls<SessionService> = {
  open: unary(session.open, {
    mutating: false,
    request: (endpoint, config, fence) => ({ endpoint: { ...endpoint }, config: structTo(config), fence: fenceTo(fence) }),
    args: (message) => {
      const { category, uid, name, address } = present('endpoint', message.endpoint);
      const config: ConfigBag = message.config ?? {};
      return [{ category: oneOf('endpoint.category', CATEGORIES, category), uid, name, address }, config, fenceFrom(message.fence)];
    },
    response: ({ session: id }) => ({ session: id }),
    result: ({ session: id }) => ({ session: id }),
  }),
  close: unary(session.close, { mutating: false, request: (id) => ({ session: id }), args: (message) => [message.session], ...nothing }),
  drain: unary(session.drain, { mutating: false, request: (id) => ({ session: id }), args: (message) => [message.session], ...nothing }),
};

const hostCalls: WireCalls<HostService> = {
  observe: unary(HostRpc.method.observe, {
    mutating: false,
    request: (context) => ({ context: callTo(context) }),
    args: ({ context }) => [callFrom(context)],
    response: ({ hostId, bootId, cpus, memoryBytes, storageBytes, freeMemoryBytes, freeStorageBytes, facts, machines }) => {
      const bytes = {
        ...{ memoryBytes: wide(memoryBytes), storageBytes: wide(storageBytes) },
        ...(freeMemoryBytes !== undefined && { freeMemoryBytes: wide(freeMemoryBytes) }),
        ...(freeStorageBytes !== undefined && { freeStorageBytes: wide(freeStorageBytes) }),
      };
      return { hostId, bootId, cpus, ...bytes, facts: { ...facts }, machines: machines.map(machineTo) };
    },
    result: ({ hostId, bootId, cpus, memoryBytes, storageBytes, freeMemoryBytes, freeStorageBytes, facts, machines }) => {
      const bytes = {
        ...{ memoryBytes: narrow(memoryBytes), storageBytes: narrow(storageBytes) },
        ...(freeMemoryBytes !== undefined && { freeMemoryBytes: narrow(freeMemoryBytes) }),
        ...(freeStorageBytes !== undefined && { freeStorageBytes: narrow(freeStorageBytes) }),
      };
      return { hostId, bootId, cpus, ...bytes, facts, machines: machines.map(machineFrom) };
    },
  }),
  // Nothing in the world changes by it that a look would show, and nobody has to look after a lost answer.
  renew: unary(HostRpc.method.renew, {
    mutating: false,
    request: (context, token) => ({ context: mutationTo(context), token }),
    args: ({ context, token }) => [mutationFrom(context), token],
    response: ({ token, offeredMs, inForceMs, holds }) => ({ token, offeredMs: wide(offeredMs), inForceMs: wide(inForceMs), holds }),
    result: ({ token, offeredMs, inForceMs, holds }) => {
      return { token, offeredMs: narrow(offeredMs), inForceMs: narrow(inForceMs), holds };
    },
  }),
};

const poolCalls: WireCalls<PoolService> = {
  observe: unary(PoolRpc.method.observe, {
    mutating: false,
    request: (context) => ({ context: callTo(context) }),
    args: ({ context }) => [callFrom(context)],
    response: ({ poolId, capacityBytes, usedBytes, disks, protocols, reachableFrom }) => {
      const bytes = { capacityBytes: wide(capacityBytes), usedBytes: wide(usedBytes) };
      const reach = { limited: reachableFrom !== undefined, reachableFrom: [...(reachableFrom ?? [])] };
      return { poolId, ...bytes, disks: disks.map(diskTo), protocols: [...protocols], ...reach };
    },
    result: ({ poolId, capacityBytes, usedBytes, disks, protocols, limited, reachableFrom }) => {
      const bytes = { capacityBytes: narrow(capacityBytes), usedBytes: narrow(usedBytes) };
      return { poolId, ...bytes, disks: disks.map(diskFrom), protocols, ...(limited && { reachableFrom }) };
    },
  }),
};

const switched = {
  mutating: true,
  request: (context: Parameters<PowerService['on']>[0]) => ({ context: mutationTo(context) }),
  ...nothing,
};

const powerCalls: WireCalls<PowerService> = {
  status: unary(PowerRpc.method.status, {
    mutating: false,
    request: (context) => ({ context: callTo(context) }),
    args: ({ context }) => [callFrom(context)],
    response: (state) => ({ state }),
    result: ({ state }) => oneOf('state', ['on', 'off'], state),
  }),
  on: unary(PowerRpc.method.on, { ...switched, args: ({ context }) => [mutationFrom(context)] }),
  off: unary(PowerRpc.method.off, { ...switched, args: ({ context }) => [mutationFrom(context)] }),
  reset: unary(PowerRpc.method.reset, { ...switched, args: ({ context }) => [mutationFrom(context)] }),
};

/** Every unary call of the contract, by service and method, named as in `Driver`. */
export const DRIVER_CALLS = {
  identity: identityCalls,
  session: sessionCalls,
  host: hostCalls,
  machine: machineCalls,
  pool: poolCalls,
  disk: diskCalls,
  operation: operationCalls,
  power: powerCalls,
} as const;

export type ServiceName = keyof typeof DRIVER_CALLS;

/** The contract's one stream. */
export const WATCH_CALL = {
  path: pathOf(EventsRpc.method.watch),
  encodeRequest: (): Uint8Array => toBinary(EventsRpc.method.watch.input, create(EventsRpc.method.watch.input, { beats: true })),
  /** Whether the caller knows beats: one of before would look at everything for each. */
  wantsBeats: (bytes: Uint8Array): boolean => fromBinary(EventsRpc.method.watch.input, bytes).beats,
  encodeEvent({ sequence, type, session: id, uid, silent = [], more }: DriverEvent): Uint8Array {
    return toBinary(
      EventsRpc.method.watch.output,
      create(EventsRpc.method.watch.output, { sequence: wide(sequence), type, session: id, uid, silent: [...silent], more: more === true }),
    );
  },
  /** An event of a type that this version does not know asks to look at everything. */
  decodeEvent(bytes: Uint8Array): DriverEvent {
    const event = fromBinary(EventsRpc.method.watch.output, bytes);
    const type = EVENTS.find((known) => known === event.type) ?? 'RESYNC';
    const told = { sequence: narrow(event.sequence), type, session: event.session, uid: event.uid };
    return type === 'BEAT' ? { ...told, silent: event.silent, ...(event.more ? { more: true as const } : {}) } : told;
  },
};

/** INVALID_ARGUMENT for bytes that are no message of the contract. */
export function undecodable(cause: unknown): Error {
  return Object.assign(fieldInvalid('request', 'is not a message of this contract'), { cause });
}
