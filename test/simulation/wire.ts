import { whenAborted } from '../../apis/meta/linked.ts';
import type { Random } from './random.ts';
import type { SimProcess } from './process.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** One call of a process to the API or to a driver. */
export interface Exchange {
  readonly to: 'api' | 'driver';
  readonly process: SimProcess;
  /** What is asked, for the trace: `PUT /apis/…` or `machine.start UID`. */
  readonly what: string;
  readonly mutating: boolean;
}

/** What becomes of a call. */
export interface Fate {
  /** The caller dies: before the call arrives, after its effect but before the answer, with the answer, or long before the call arrives. */
  readonly crash?: 'before' | 'between' | 'after' | 'late';
  readonly loses?: 'request' | 'answer';
  readonly twice?: boolean;
  readonly thereMs?: number;
  readonly backMs?: number;
  /** That the caller gives up is not heard: what it sent is done all the same. */
  readonly deaf?: boolean;
}

/** What becomes of an event on its way. */
export interface EventFate {
  /** This event and those after it come so much later. */
  readonly lagMs?: number;
  /** The connection breaks instead; what was not delivered is told by whoever asks again, or is forgotten. */
  readonly breaks?: 'resumed' | 'forgotten';
}

/** Who decides what goes wrong. */
export interface Fates {
  of(exchange: Exchange): Fate;
  ofEvent(exchange: Exchange, what: string): EventFate;
  /** Whether nothing passes between a process and what it calls now. */
  cut(exchange: Exchange): boolean;
  /** Whether what a watch asks for is forgotten; asked once for each that is opened. */
  forgot(exchange: Exchange): boolean;
}

/** Nothing goes wrong. */
export const NO_FATES: Fates = { of: () => ({}), ofEvent: () => ({}), cut: () => false, forgot: () => false };

/** How a call is carried. */
export interface CallWay<T> {
  readonly effect: (signal: AbortSignal) => Promise<T>;
  /** The answer in the trace. */
  readonly say: (answer: T) => string;
  /** The error of a call whose answer was lost. */
  readonly lost: () => Error;
  /** The error of a call that was not answered in `patienceMs`. */
  readonly late: () => Error;
  readonly patienceMs: number;
}

/** How events are carried. */
export interface StreamWay<T> {
  readonly events: (signal: AbortSignal) => AsyncIterable<T>;
  readonly say: (event: T) => string;
  /** The error of a connection that broke; undefined: the stream just ends. */
  readonly lost: () => Error | undefined;
}

export interface Wire {
  /** Carries a call there and its answer back. */
  carry<T>(exchange: Exchange, way: CallWay<T>, signal: AbortSignal): Promise<T>;
  /** Carries events, in order. */
  stream<T>(exchange: Exchange, way: StreamWay<T>, signal: AbortSignal): AsyncIterable<T>;
}

export interface WireOptions {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly random: Random;
  readonly fates: () => Fates;
}

/** How often those who are cut off from each other try again. */
const CUT_MS = 500;

/** A wire on which a call takes about a millisecond, where no fate says otherwise. */
export function createWire({ timeline, trace, random, fates }: WireOptions): Wire {
  let calls = 0;
  const moment = (more = 0): number => 0.1 + 0.9 * random.next() + more;
  /** Does `work` as soon as nothing is cut; the caller's own patience ends it otherwise. */
  const passing = (exchange: Exchange, ms: number, work: () => void, owner?: SimProcess): void => {
    timeline.after(
      ms,
      () => {
        if (fates().cut(exchange)) passing(exchange, CUT_MS, work, owner);
        else work();
      },
      owner,
    );
  };
  const wire = { timeline, trace, fates, moment, passing, next: () => (calls += 1) };
  return {
    carry: (exchange, way, signal) => carry(wire, exchange, way, signal),
    stream: (exchange, way, signal) => stream(wire, exchange, way, signal),
  };
}

interface Parts extends Omit<WireOptions, 'random'> {
  moment(more?: number): number;
  passing(exchange: Exchange, ms: number, work: () => void, owner?: SimProcess): void;
  next(): number;
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error('failed', { cause: thrown }));

function carry<T>(
  { timeline, trace, fates, moment, passing, next }: Parts,
  exchange: Exchange,
  { effect, say, lost, late, patienceMs }: CallWay<T>,
  signal: AbortSignal,
): Promise<T> {
  const { process, what, to } = exchange;
  const id = next();
  const fate = fates().of(exchange);
  const remote = new AbortController();
  // Who died a moment ago says nothing more.
  if (!process.alive) return new Promise<T>(() => undefined);
  return new Promise<T>((resolve, reject) => {
    let over = false;
    const end = (settle: () => void): void => {
      if (over) return;
      over = true;
      forgetCaller();
      forgetLimit();
      settle();
    };
    const leave = (error: Error): void => {
      end(() => {
        reject(error);
      });
      if (fate.deaf === true) return;
      timeline.after(moment(), () => {
        remote.abort(error);
      });
    };
    const giveUp = (): void => {
      leave(signal.reason as Error);
    };
    const answer = (words: string, settle: () => void): void => {
      trace.add(`${to} = ${id} ${words}`);
      if (fate.crash === 'between') process.kill();
      const told = fate.loses === 'answer' ? () => reject(lost()) : settle;
      const deliver = (): void => {
        trace.add(`${process.name} < ${id}${fate.loses === 'answer' ? ' lost' : ''}`);
        end(told);
        if (fate.crash === 'after') timeline.after(0, () => process.kill());
      };
      passing(exchange, moment(fate.backMs), deliver, process);
    };
    const arrive = (): void => {
      effect(remote.signal).then(
        (value) => answer(say(value), () => resolve(value)),
        (thrown: unknown) => {
          const error = asError(thrown);
          answer(error.message, () => reject(error));
        },
      );
      if (fate.twice === true) timeline.after(moment(), () => void effect(remote.signal).catch(() => undefined));
    };
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const forgetCaller = whenAborted(signal, giveUp);
    const forgetLimit = timeline.after(patienceMs, () => leave(late()), process);
    trace.add(`${process.name} > ${id} ${what}`);
    if (fate.crash === 'before' || fate.crash === 'late') process.kill();
    if (fate.crash === 'before') return;
    if (fate.loses === 'request') passing(exchange, moment(fate.thereMs), () => answer('never arrived', () => reject(lost())));
    else passing(exchange, moment(fate.thereMs), arrive);
  });
}

/** What arrived of a stream, for its reader. */
interface Inbox<T> {
  readonly events: T[];
  ended: { readonly error?: Error } | undefined;
  wake: () => void;
}

async function* read<T>(inbox: Inbox<T>, leave: () => void, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const forget = whenAborted(signal, () => inbox.wake());
  try {
    while (!signal.aborted) {
      const event = inbox.events.shift();
      if (event !== undefined) yield event;
      else if (inbox.ended !== undefined) {
        if (inbox.ended.error !== undefined) throw inbox.ended.error;
        return;
      } else await new Promise<void>((resolve) => (inbox.wake = resolve));
    }
  } finally {
    forget();
    leave();
  }
}

function stream<T>(
  { timeline, trace, fates, moment, passing, next }: Parts,
  exchange: Exchange,
  { events, say, lost }: StreamWay<T>,
  signal: AbortSignal,
): AsyncIterable<T> {
  const { process, what, to } = exchange;
  const id = next();
  const remote = new AbortController();
  const inbox: Inbox<T> = { events: [], ended: undefined, wake: () => undefined };
  const close = (): void => remote.abort(new Error('the connection is closed'));
  const forget = process.onDeath(close);
  const sent: (() => void)[] = [];
  let lastMs = 0;
  /** In the order in which they were sent, however long each takes. */
  const deliver = (lagMs: number, work: () => void): void => {
    sent.push(work);
    lastMs = Math.max(lastMs, timeline.now() + moment(lagMs));
    passing(exchange, lastMs - timeline.now(), () => sent.shift()?.(), process);
  };
  const end = (error?: Error): void => {
    if (inbox.ended !== undefined) return;
    inbox.ended = error === undefined ? {} : { error };
    forget();
    inbox.wake();
  };
  const pump = async (): Promise<void> => {
    for await (const event of events(remote.signal)) {
      if (inbox.ended !== undefined || remote.signal.aborted) return;
      const words = say(event);
      const { lagMs = 0, breaks } = fates().ofEvent(exchange, words);
      if (breaks !== undefined) {
        trace.add(`${to} ! ${id} breaks before ${words}`);
        deliver(0, () => end(lost()));
        close();
        return;
      }
      deliver(lagMs, () => {
        if (inbox.ended !== undefined) return;
        trace.add(`${process.name} < ${id} ${words}`);
        inbox.events.push(event);
        inbox.wake();
      });
    }
  };
  trace.add(`${process.name} > ${id} ${what}`);
  pump().then(
    () => deliver(0, () => end()),
    (error: unknown) => deliver(0, () => end(error as Error)),
  );
  return read(
    inbox,
    () => {
      forget();
      close();
    },
    signal,
  );
}
