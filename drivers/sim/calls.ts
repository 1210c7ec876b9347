import { abortedError } from '../contract/aborted.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { Driver } from '../contract/driver.ts';
import type { MutationContext } from '../contract/fence.ts';
import type { KeyedLock } from '../contract/keyed-lock.ts';
import { checkFence } from '../contract/names.ts';
import { DRIVER_CALLS } from '../contract/wire/driver.ts';
import type { ServiceName } from '../contract/wire/driver.ts';
import type { CallSite, Faults } from './faults.ts';
import { journalBegin, journalEnd } from './journal.ts';
import type { Immediate, Sim } from './sim.ts';

type AnyMethod = (...args: readonly unknown[]) => unknown;
type Lifted = (...args: readonly unknown[]) => Promise<unknown>;

/** The services of a simulated driver, each done when its method returns. */
export type ImmediateDriver = { readonly [K in Exclude<keyof Driver, 'watch'>]-?: Immediate<Required<Driver>[K]> };

/** Whether a call may change the world; what it was given says nothing, because who looks may hold a fence too. */
function isMutating(service: string, name: string): boolean {
  const calls = DRIVER_CALLS[service as ServiceName] as unknown as Readonly<Record<string, { readonly mutating: boolean }>>;
  return calls[name]?.mutating === true;
}

/** The uid that a mutating call is about: its second argument is that uid, or an object that holds it. */
function uidOf(argument: unknown): string {
  if (typeof argument === 'string') return argument;
  if (typeof argument !== 'object' || argument === null) return '';
  const { uid, owner } = argument as { readonly uid?: unknown; readonly owner?: { readonly uid?: unknown } };
  const named = uid ?? owner?.uid;
  return typeof named === 'string' ? named : '';
}

function endpointOf(sim: Sim, service: string, context: unknown): string {
  const { session } = (context ?? {}) as { readonly session?: unknown };
  if (typeof session !== 'string') return '';
  const category = service === 'machine' || service === 'host' ? 'machine' : service === 'power' ? 'power' : 'disk';
  return sim.sessions.endpoint(session, category).uid;
}

const outcomeOf = (error: unknown): string => (error instanceof DriverError ? `${error.code}/${error.reason}` : 'aborted');

/** A mutating call: written down, alone for its uid, with whatever fault is set. */
async function mutate(
  sim: Sim,
  site: CallSite,
  lock: KeyedLock,
  faulty: (effect: () => Promise<unknown>) => Promise<unknown>,
  effect: () => Promise<unknown>,
): Promise<unknown> {
  const seq = journalBegin(sim.world, site, sim.clock.now());
  try {
    using _held = lock.hold(`${site.endpoint}/${site.uid}`);
    const result = await faulty(effect);
    journalEnd(sim.world, seq, 'OK');
    return result;
  } catch (error) {
    journalEnd(sim.world, seq, outcomeOf(error));
    throw error;
  }
}

/** The same services with what every call has in common: sessions, fences, faults, the lock and the journal. */
export function withCalls(sim: Sim, services: ImmediateDriver, faults: Faults, lock: KeyedLock): Omit<Driver, 'watch'> {
  const wrap =
    (service: string, name: string, method: AnyMethod): Lifted =>
    async (...args) => {
      const signal = args.at(-1) as AbortSignal;
      const call = `${service}.${name}`;
      if (signal.aborted) throw abortedError(signal, call);
      const [context, subject] = args;
      const site: CallSite = { call, endpoint: endpointOf(sim, service, context), uid: args.length > 2 ? uidOf(subject) : '' };
      // A fault may have waited: an effect after the caller gave up would be one that nobody asked for.
      const effect = (): Promise<unknown> => {
        if (signal.aborted) throw abortedError(signal, call);
        const { fence } = (context ?? {}) as Partial<MutationContext>;
        return Promise.resolve(sim.world.because({ call, fence }, () => method(...args.slice(0, -1))));
      };
      const faulty = (run: () => Promise<unknown>): Promise<unknown> => faults.run(site, run, signal);
      if (!isMutating(service, name)) return faulty(effect);
      checkFence('context.fence', (context as MutationContext).fence);
      return mutate(sim, site, lock, faulty, effect);
    };
  const entries = Object.entries(services).map(([service, methods]): [string, unknown] => {
    const all = Object.entries(methods as unknown as Readonly<Record<string, AnyMethod>>);
    return [service, Object.fromEntries(all.map(([name, method]) => [name, wrap(service, name, method)]))];
  });
  return Object.fromEntries(entries) as unknown as Omit<Driver, 'watch'>;
}
