import type { Driver, DriverEvent } from '../../drivers/contract/driver.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { MutationContext } from '../../drivers/contract/fence.ts';
import { DRIVER_CALLS } from '../../drivers/contract/wire/driver.ts';
import type { ServiceName } from '../../drivers/contract/wire/driver.ts';
import type { SimProcess } from './process.ts';
import type { Wire } from './wire.ts';

/** A mutating call that a driver carried out. */
export interface Effect {
  /** `machine.start` */
  readonly call: string;
  readonly context: MutationContext;
  /** Of the machine or disk. */
  readonly uid: string;
  /** Who sent it. */
  readonly process: string;
}

type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;

const lost = (mutating: boolean) => (): Error =>
  mutating
    ? new DriverError('UNKNOWN', 'BACKEND', 'the connection to the driver was lost before it answered')
    : new DriverError('UNAVAILABLE', 'BACKEND', 'the connection to the driver was lost');
const late = (): Error => new DriverError('DEADLINE_EXCEEDED', 'BACKEND', 'the driver did not answer in time');
/** As drivers/dial gives each call. */
const PATIENCE_MS = 10_000;
const sayEvent = ({ type, uid, silent = [] }: DriverEvent): string => `${type} ${type === 'BEAT' ? silent.join() : uid}`;

function isMutating(service: string, name: string): boolean {
  const calls = DRIVER_CALLS[service as ServiceName] as unknown as Readonly<Record<string, { readonly mutating: boolean }>>;
  return calls[name]?.mutating === true;
}

function uidOf(subject: unknown): string {
  if (typeof subject === 'string') return subject;
  if (typeof subject !== 'object' || subject === null) return '';
  const { uid, owner } = subject as { readonly uid?: string; readonly owner?: { readonly uid?: string } };
  return uid ?? owner?.uid ?? '';
}

export interface DriverLinkOptions {
  readonly wire: Wire;
  readonly process: SimProcess;
  /** Runs a mutating call, and looks at the world before and after. */
  readonly witness: (effect: Effect, run: () => Promise<unknown>) => Promise<unknown>;
  /** Told of each mutating call when it is sent; calls back when its caller has heard what became of it. */
  readonly sends: (effect: Effect) => () => void;
  /** Told of each look at a machine, with which a round about its VM begins. */
  readonly looks: (process: string, uid: string) => void;
}

/** The same driver as a process reaches it: over a wire on which calls take time and may be lost. */
export function driverLink(driver: Driver, { wire, process, witness, sends, looks }: DriverLinkOptions): Driver {
  const wrap =
    (service: string, name: string, method: AnyMethod): AnyMethod =>
    (...args) => {
      const signal = args.at(-1) as AbortSignal;
      const [context, subject] = args;
      const mutating = isMutating(service, name);
      const call = `${service}.${name}`;
      const uid = args.length > 2 ? uidOf(subject) : '';
      const told = { call, context: context as MutationContext, uid, process: process.name };
      const heard = mutating ? sends(told) : () => undefined;
      // A volume's round looks at machines, too.
      if (call === 'machine.get' && told.context.trace.startsWith(`${uid}.`)) looks(process.name, uid);
      const effect = (stop: AbortSignal): Promise<unknown> => {
        const run = (): Promise<unknown> => method(...args.slice(0, -1), stop);
        return mutating ? witness(told, run) : run();
      };
      const exchange = { to: 'driver' as const, process, what: `${call} ${uid}`, mutating };
      return wire.carry(exchange, { effect, say: () => 'OK', lost: lost(mutating), late, patienceMs: PATIENCE_MS }, signal).finally(heard);
    };
  const services = Object.entries(driver).filter((entry): entry is [string, Record<string, AnyMethod>] => typeof entry[1] === 'object');
  const wrapped = services.map(([service, methods]): [string, Record<string, AnyMethod>] => [
    service,
    Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, wrap(service, name, method)])),
  ]);
  return {
    ...(Object.fromEntries(wrapped) as unknown as Driver),
    watch(signal) {
      const exchange = { to: 'driver' as const, process, what: 'watch', mutating: false };
      return wire.stream(exchange, { events: (stop) => driver.watch(stop), say: sayEvent, lost: () => undefined }, signal);
    },
  };
}
