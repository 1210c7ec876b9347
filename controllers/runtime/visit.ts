import { DriverError } from '../../drivers/contract/driver-error.ts';
import { isAlike, type CallEnd } from './breaker.ts';
import type { Leave } from './driver-gate.ts';
import type { Entering } from './gate.ts';
import type { Priority } from './queue.ts';
import { serviceKey, type Known, type Service, type Switchboard } from './switchboard.ts';

/** One call to a device. */
export interface DeviceCall<T> {
  readonly service: Service;
  /** Absent where it need not be counted. */
  readonly operation?: string;
  readonly make: () => Promise<T>;
}

/** The way of one round to devices. */
export interface Visit {
  /** Makes a call when it is its turn. Rejects with the device's own last error, at once, while its breaker is open. */
  call<T>(call: DeviceCall<T>, signal: AbortSignal): Promise<T>;
  /** Why the round waits for its turn now; undefined: it does not. */
  busy(): string | undefined;
  /** The device that does not answer, and when it is tried next; undefined: all that were asked did. */
  silent(): Silence | undefined;
  /** The round took too long: what it waits for does not answer. */
  late(): void;
  /** Gives back what is the round's. */
  end(): void;
}

export interface Silence {
  readonly why: string;
  readonly nextTryMs: number;
}

/** A round that comes to devices. */
export interface Visitor {
  readonly who: string;
  readonly priority: Priority;
  /** It waits for a call: others may begin in its place. */
  readonly stepAside: () => void;
  /** It waits for its turn at a driver (or not any more): that is no reason for others to begin, they would only wait there too. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly leave: () => void;
}

/** What a round has met so far. */
interface Met {
  /** Why calls wait now. */
  readonly waits: string[];
  silent: Known | undefined;
  late: boolean;
}

function endOf(error: unknown, late: boolean): CallEnd {
  if (error instanceof DriverError) {
    const silent = error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED' || (late && error.code === 'UNKNOWN');
    if (silent) return { how: 'silent', error };
    return error.code === 'UNKNOWN' ? { how: 'unknown' } : { how: 'answered' };
  }
  if (!late) return { how: 'unknown' };
  return { how: 'silent', error: new DriverError('DEADLINE_EXCEEDED', 'BACKEND', 'it did not answer in time', { cause: error }) };
}

/** A probe has its deadline; who waits for it looks for itself this late. */
const PROBE_MS = 60_000;

function silenceOf({ service, breaker }: Known): Silence | undefined {
  const { state, nextTryMs } = breaker.view();
  if (state === 'closed') return undefined;
  // Whoever waits for a probe hears of its answer.
  return {
    why: `${service.label} does not answer: ${breaker.error()?.message ?? ''}`,
    nextTryMs: state === 'probing' ? PROBE_MS : nextTryMs,
  };
}

/** What a call that may not be made rejects with. */
function refusalOf({ service, breaker }: Known): DriverError {
  return breaker.error() ?? new DriverError('UNAVAILABLE', 'BACKEND', `${service.label} does not answer`);
}

/** One round and what it has met. */
interface Round {
  readonly board: Switchboard;
  readonly visitor: Visitor;
  readonly met: Met;
}

function waitFor({ met, visitor }: Round, known: Known): void {
  met.silent = known;
  known.waiting.add(visitor.who);
}

/** Waits for a place; where it waits, `waits` is told, and why can be seen. */
async function inTurn<Way>(
  { visitor, met }: Round,
  why: string,
  waits: () => void,
  enter: (entering: Omit<Entering, 'limit'>) => Promise<Way>,
): Promise<Way> {
  const note = (): void => {
    met.waits.push(why);
    waits();
  };
  const done = await enter({ priority: visitor.priority, waits: note });
  const at = met.waits.indexOf(why);
  if (at >= 0) met.waits.splice(at, 1);
  return done;
}

/** Waits for the places that a call needs; gives how to give them back. */
async function enter(round: Round, service: Service, operation: string, signal: AbortSignal): Promise<() => void> {
  const { label, limits } = service;
  const key = serviceKey(service);
  const turn = (what: string, place: string, limit: number): Promise<() => void> => {
    const why = `as many ${what} as ${label} takes are under way`;
    return inTurn(round, why, round.visitor.stepAside, (entering) => round.board.gate.enter(place, { ...entering, limit }, signal));
  };
  const leaveOperation = await turn(`${operation} calls`, `${key} ${operation}`, limits.perOperation);
  try {
    const leaveAll = await turn('calls', key, limits.inFlight);
    return () => {
      leaveAll();
      leaveOperation();
    };
  } catch (error) {
    leaveOperation();
    throw error;
  }
}

/** Waits until the driver keeps up with another call; gives how to say that it has ended. */
async function enterDriver(round: Round, { label, driver = label }: Service, signal: AbortSignal): Promise<Leave> {
  const { board, visitor } = round;
  const why = `as many calls as ${driver} takes are under way`;
  try {
    return await inTurn(round, why, visitor.pause, (entering) => board.drivers.enter(driver, entering, signal));
  } finally {
    visitor.resume();
  }
}

/** Makes a call, if its breaker lets it through and this process still leads. */
async function attempt<T>(round: Round, known: Known, { operation, make }: DeviceCall<T>): Promise<T> {
  const { breaker } = known;
  round.board.check();
  const as = breaker.begin();
  if (as === undefined) {
    waitFor(round, known);
    throw refusalOf(known);
  }
  try {
    const answer = await make();
    // A session may have been open for long: that it is says nothing of the device.
    breaker.end(as, { how: operation === undefined ? 'unknown' : 'answered' });
    return answer;
  } catch (error) {
    breaker.end(as, endOf(error, round.met.late));
    if (breaker.view().state !== 'closed') waitFor(round, known);
    // In the words of the first that met the silence: by each call's own, what objects say would change with every try.
    throw breaker.view().failures > 0 && isAlike(error, breaker.error()) ? breaker.error() : error;
  }
}

/** The way of the round of `visitor`. */
export function createVisit(board: Switchboard, visitor: Visitor): Visit {
  const met: Met = { waits: [], silent: undefined, late: false };
  const round: Round = { board, visitor, met };
  return {
    async call(call, signal) {
      const { service, operation } = call;
      const silent = board.find(service);
      // Nobody waits for a place at a device that does not answer.
      if (silent?.breaker.mayBegin() === false) {
        waitFor(round, silent);
        throw refusalOf(silent);
      }
      const done = operation === undefined ? undefined : await enter(round, service, operation, signal);
      const known = board.knownOf(service);
      try {
        const leaveDriver = await enterDriver(round, service, signal);
        try {
          const answer = await attempt(round, known, call);
          leaveDriver(true);
          return answer;
        } catch (error) {
          leaveDriver(false);
          throw error;
        }
      } finally {
        done?.();
        board.settle(known);
      }
    },
    busy: () => met.waits[0],
    silent: () => met.silent && silenceOf(met.silent),
    late() {
      met.late = true;
    },
    end: () => {
      visitor.leave();
    },
  };
}
