import type { ApiObject } from '../../apis/meta/object.ts';
import { clip } from '../../apis/meta/sentence.ts';
import type { Category, ConfigBag, Driver } from '../../drivers/contract/driver.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { DriverErrorCode, DriverErrorReason } from '../../drivers/contract/driver-error.ts';
import type { CallContext, Fence, MutationContext, Owner } from '../../drivers/contract/fence.ts';
import type { OpenSession, Sessions } from '../../drivers/contract/sessions.ts';
import type { Authority, Round } from './controller.ts';
import type { Endpoint, Limits, Service } from './switchboard.ts';
import type { Visit } from './visit.ts';

/** What a device said, or why it said nothing: ignorance is not absence. */
export type Answer<T> =
  | { readonly known: true; readonly value: T }
  | {
      readonly known: false;
      readonly because: string;
      readonly code: DriverErrorCode;
      readonly reason: DriverErrorReason;
      /** The field of a configuration that is wrong. */
      readonly field?: string;
    };

/** The epoch of a newer leader that a driver has seen, where `error` says so. Raising ours above it is the runtime's. */
export function newerEpochOf(error: unknown): number | undefined {
  if (!(error instanceof DriverError) || error.reason !== 'STALE_EPOCH' || error.metadata.field !== 'epoch') return undefined;
  const epoch = Number(error.metadata.epoch);
  return Number.isSafeInteger(epoch) ? epoch : undefined;
}

/** The driver's answer as a fact: a DriverError becomes ignorance; that a newer leader was seen, and everything else, passes through. */
export async function ask<T>(question: () => Promise<T>, signal: AbortSignal): Promise<Answer<T>> {
  try {
    return { known: true, value: await question() };
  } catch (error) {
    if (signal.aborted || !(error instanceof DriverError) || newerEpochOf(error) !== undefined) throw error;
    const { code, reason, message, metadata } = error;
    const { field } = metadata;
    return { known: false, because: message, code, reason, ...(field !== undefined && { field }) };
  }
}

/** An object that is an endpoint: a Host or a StoragePool. */
export interface EndpointObject {
  readonly kind: string;
  readonly metadata: ApiObject['metadata'];
  readonly spec: {
    readonly driver: { readonly name: string; readonly endpoint?: string; readonly config: Readonly<Record<string, unknown>> };
    readonly limits?: Limits;
  };
}

/** Of endpoints that declare none: as the schema's own defaults. */
const DEFAULT_LIMITS: Limits = { inFlight: 8, perOperation: 4 };

/** The endpoint that an object is, for its budget and its breaker. */
export function endpointOf({ kind, metadata, spec }: EndpointObject): Endpoint {
  const { name, endpoint = '' } = spec.driver;
  const driver = `driver ${name}${endpoint === '' ? '' : ` at ${endpoint}`}`;
  return { uid: metadata.uid, label: `${kind} ${metadata.name}`, limits: spec.limits ?? DEFAULT_LIMITS, driver };
}

type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;

/** A driver whose calls go the way of a visit. */
function throughVisit(driver: Driver, service: Service, visit: Visit): Driver {
  return new Proxy(driver, {
    get(target, name, self) {
      const found: unknown = Reflect.get(target, name, self);
      if (typeof found !== 'object' || found === null || typeof name !== 'string') return found;
      return new Proxy(found, {
        get(methods, key) {
          const method: unknown = Reflect.get(methods, key);
          if (typeof method !== 'function' || typeof key !== 'string') return method;
          return (...args: readonly unknown[]) => {
            const make = (): Promise<unknown> => Reflect.apply(method as AnyMethod, methods, args);
            // The last argument of every call of the contract.
            return visit.call({ service, operation: `${name}.${key}`, make }, args.at(-1) as AbortSignal);
          };
        },
      });
    },
  });
}

/** The fence of calls about an object, for the leader that decides in this round. */
export function fenceOf(authority: Authority, metadata: ApiObject['metadata'], placementEpoch = 0): Fence {
  const { installation, shard, incarnation, epoch } = authority;
  return { installation, shard, incarnation, epoch, generation: metadata.generation, placementEpoch };
}

/** The tag of what is made for an object. */
export function ownerOf(authority: Authority, { kind, metadata }: Pick<ApiObject, 'kind' | 'metadata'>): Owner {
  return { installation: authority.installation, kind, namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid };
}

/** The session of an endpoint, opened where it is not, whose calls go the way of the round; rejects with DriverError. */
export async function openEndpoint(
  sessions: Sessions,
  category: Category,
  object: EndpointObject,
  authority: Authority,
  signal: AbortSignal,
): Promise<OpenSession> {
  const { metadata, spec } = object;
  const { name, endpoint = '', config } = spec.driver;
  const ref = { category, uid: metadata.uid, name: metadata.name, address: endpoint };
  // The bag came out of JSON, so it holds JSON values only.
  const open = (): Promise<OpenSession> => sessions.open(name, ref, config as ConfigBag, fenceOf(authority, metadata), signal);
  const { visit } = authority;
  if (visit === undefined) return open();
  const service = { ...endpointOf(object), category };
  const session = await visit.call({ service, make: open }, signal);
  return { ...session, driver: throughVisit(session.driver, service, visit) };
}

/** The context of a call that only looks. */
export function looking({ id }: OpenSession, round: Round): CallContext {
  return { session: id, trace: round.trace };
}

/** The context of a call that changes the world for an object. */
export function changing(
  { id }: OpenSession,
  round: Round,
  decision: { readonly metadata: ApiObject['metadata']; readonly placementEpoch?: number; readonly cause: string },
): MutationContext {
  const { metadata, placementEpoch, cause } = decision;
  return { session: id, trace: round.trace, fence: fenceOf(round.authority, metadata, placementEpoch), cause };
}

/** The service that a driver of this category has; its absence is a driver that is not what its configuration says. */
export function serviceOf<T>(service: T | undefined, what: string): T {
  if (service !== undefined) return service;
  throw new DriverError('UNIMPLEMENTED', 'CAPABILITY_MISSING', `the driver serves no ${what}`);
}

/** Rejects with UNAVAILABLE where another machine answers than the one with this id (undefined: any): what is not there may well be elsewhere. */
export async function checkIdentity(session: OpenSession, expected: string | undefined, round: Round, signal: AbortSignal): Promise<void> {
  if (expected === undefined) return;
  const { hostId } = await serviceOf(session.driver.host, 'hosts').observe(looking(session, round), signal);
  if (clip(hostId, 128) !== expected) throw new DriverError('UNAVAILABLE', 'BACKEND', `machine ${hostId} answers in place of ${expected}`);
}
