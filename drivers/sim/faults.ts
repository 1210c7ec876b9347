import { abortedError } from '../contract/aborted.ts';
import type { Clock } from '../contract/clock.ts';
import { BEAT_MS } from '../contract/driver.ts';
import { DRIVER_ERROR_CODES, DRIVER_ERROR_REASONS, DriverError } from '../contract/driver-error.ts';
import type { DriverErrorCode, DriverErrorReason } from '../contract/driver-error.ts';

/** What goes wrong. */
export type FaultAction =
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'error'; readonly code: DriverErrorCode; readonly reason?: DriverErrorReason; readonly retryAfterMs?: number }
  /** Never answers; ends with the caller's signal. */
  | { readonly do: 'hang' }
  /** The effect is had, the answer is not: the caller hears UNKNOWN, or nothing. */
  | { readonly do: 'lost-answer'; readonly then?: 'unknown' | 'hang' }
  /** The process ends, before or after the effect. */
  | { readonly do: 'die'; readonly when?: 'before' | 'after' };

/** A fault and which calls it meets. */
export interface Fault {
  /** `machine.start`, `machine.*` or `*`. */
  readonly call: string;
  /** Uid of the host or pool; absent: any. */
  readonly endpoint?: string;
  /** Uid of the machine or disk; absent: any. */
  readonly uid?: string;
  /** How many calls it meets; 1 where absent, 0: all until it is cleared. */
  readonly count?: number;
  readonly action: FaultAction;
}

/** A call that is about to be made. */
export interface CallSite {
  readonly call: string;
  readonly endpoint: string;
  readonly uid: string;
}

/** The faults that are set in this process. */
export interface Faults {
  set(fault: Fault): void;
  clear(): void;
  list(): readonly Fault[];
  /** Whether a call would not be answered within the period of beats now; uses no fault up. */
  silences(site: CallSite): boolean;
  /** Runs `effect` as the first fault that meets `site` lets it. */
  run<T>(site: CallSite, effect: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

const MAX_FAULTS = 1000;

function meets(fault: Fault, { call, endpoint, uid }: CallSite): boolean {
  const named = fault.call === '*' || fault.call === call || (fault.call.endsWith('.*') && call.startsWith(fault.call.slice(0, -1)));
  return named && (fault.endpoint ?? endpoint) === endpoint && (fault.uid ?? uid) === uid;
}

function forever(call: string, signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(abortedError(signal, call));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

async function act<T>(
  action: FaultAction,
  call: string,
  effect: () => Promise<T>,
  clock: Clock,
  die: () => void,
  signal: AbortSignal,
): Promise<T> {
  switch (action.do) {
    case 'delay':
      await clock.sleep(action.ms, signal).catch(() => Promise.reject(abortedError(signal, call)));
      return effect();
    case 'error': {
      const retry = action.retryAfterMs === undefined ? {} : { retryAfterMs: action.retryAfterMs };
      throw new DriverError(action.code, action.reason ?? 'FAULT_INJECTED', `a fault was asked for on ${call}`, retry);
    }
    case 'hang':
      return forever(call, signal);
    case 'lost-answer':
      await effect();
      if (action.then === 'hang') return forever(call, signal);
      throw new DriverError('UNKNOWN', 'FAULT_INJECTED', `the answer to ${call} was lost, as was asked for`);
    case 'die':
      if (action.when === 'after') await effect();
      die();
      return forever(call, signal);
  }
}

/** No faults yet; `die` ends the process. */
export function createFaults(clock: Clock, die: () => void): Faults {
  let faults: { readonly fault: Fault; left: number }[] = [];
  return {
    set(fault) {
      if (faults.length >= MAX_FAULTS) throw new Error(`at most ${MAX_FAULTS} faults may be set: clear them`);
      faults.push({ fault, left: fault.count === 0 ? Infinity : (fault.count ?? 1) });
    },
    clear: () => {
      faults = [];
    },
    list: () => faults.map(({ fault, left }) => ({ ...fault, count: left === Infinity ? 0 : left })),
    silences(site) {
      const action = faults.find(({ fault }) => meets(fault, site))?.fault.action;
      return action !== undefined && (action.do !== 'delay' || action.ms >= BEAT_MS);
    },
    async run(site, effect, signal) {
      const met = faults.find(({ fault }) => meets(fault, site));
      if (met === undefined) return effect();
      met.left -= 1;
      faults = faults.filter(({ left }) => left > 0);
      return act(met.fault.action, site.call, effect, clock, die, signal);
    },
  };
}

const ACTIONS = ['delay', 'error', 'hang', 'lost-answer', 'die'];

/** A fault from outside; throws one sentence where it is none. */
export function readFault(value: unknown): Fault {
  if (typeof value !== 'object' || value === null) throw new Error('a fault is an object');
  const fault = value as Partial<Record<keyof Fault, unknown>>;
  const action = (fault.action ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof fault.call !== 'string') throw new Error('call must name a call, such as machine.start, machine.* or *');
  if (!ACTIONS.includes(String(action.do))) throw new Error(`action.do must be one of ${ACTIONS.join(', ')}`);
  if (action.do === 'delay' && !(Number(action.ms) >= 0)) throw new Error('action.ms must be a number of milliseconds');
  if (action.do === 'error' && !Object.hasOwn(DRIVER_ERROR_CODES, String(action.code)))
    throw new Error('action.code must be a code of the contract');
  const reason = action.reason;
  if (reason !== undefined && !DRIVER_ERROR_REASONS.some((known) => known === reason))
    throw new Error('action.reason must be a reason of the contract');
  if (fault.count !== undefined && !(Number.isInteger(fault.count) && Number(fault.count) >= 0))
    throw new Error('count must be a whole number');
  for (const key of ['endpoint', 'uid'] as const) {
    if (fault[key] !== undefined && typeof fault[key] !== 'string') throw new Error(`${key} must be a text`);
  }
  return value as Fault;
}
