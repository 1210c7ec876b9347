import { abortedError } from '../contract/aborted.ts';
import type { Clock } from '../contract/clock.ts';
import type { Driver, DriverEvent, DriverInfo } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { WireCall } from '../contract/wire/call.ts';
import { driverOf } from './facade.ts';
import type { Link } from './link.ts';

/** A driver that is kept running, or connected; it fails with UNAVAILABLE while it is down. */
export interface DialledDriver extends Driver {
  readonly name: string;
  /** Who answers now; undefined while it is down. */
  instance(): DriverInfo | undefined;
  /** The process that answers now, where it is ours. */
  pid(): number | undefined;
  /** The process that answers now, and every one that comes after it; only the newest waits for a slow reader. Ends with `signal` and `close`. */
  connections(signal: AbortSignal): AsyncIterable<DriverInfo>;
  /** Ends the connection, and the process where it is ours; what the driver manages stays. */
  close(): Promise<void>;
}

export interface SuperviseOptions {
  readonly name: string;
  readonly clock: Clock;
  /** For a call whose caller has no earlier deadline of its own. */
  readonly deadlineMs: number;
  readonly backoff: Backoff;
  /** One sentence about what happened to the driver. */
  readonly say: (text: string) => void;
  open(signal: AbortSignal): Promise<Link>;
}

/** How long to wait between tries: `firstMs`, doubled up to `lastMs`, and from the start again after a driver held for `stableMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly stableMs: number;
}

const RECONNECT_MS = 1000;

/** What is known of the driver now, and who waits for it to change. */
interface State {
  link: Link | undefined;
  wake: Set<() => void>;
}

function enter(state: State, link: Link | undefined): void {
  state.link = link;
  const waiting = [...state.wake];
  state.wake.clear();
  for (const wake of waiting) wake();
}

async function* connectionsOf(state: State, signal: AbortSignal): AsyncIterable<DriverInfo> {
  let last: Link | undefined;
  while (!signal.aborted) {
    const { link } = state;
    if (link !== undefined && link !== last) {
      last = link;
      yield link.info;
      continue;
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        state.wake.delete(wake);
        resolve();
      };
      state.wake.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

/** Keeps a link until it is down, then opens another, waiting from 1 s to 30 s between tries; ends with `closing`. */
async function keep(state: State, options: SuperviseOptions, closing: AbortSignal): Promise<void> {
  const { clock, say, backoff } = options;
  let waitMs = backoff.firstMs;
  const ended = (): boolean => closing.aborted;
  while (!ended()) {
    const { link } = state;
    if (link !== undefined) {
      const since = clock.monotonic();
      const why = await link.down;
      enter(state, undefined);
      await link.stop();
      if (ended()) return;
      if (clock.monotonic() - since >= backoff.stableMs) waitMs = backoff.firstMs;
      say(`${why}; trying again in ${waitMs} ms`);
    }
    await clock.sleep(waitMs, closing).catch(() => undefined);
    if (ended()) return;
    waitMs = Math.min(waitMs * 2, backoff.lastMs);
    try {
      enter(state, await options.open(closing));
      say('it answers again');
    } catch (error) {
      if (!ended()) say(`${error instanceof Error ? error.message : 'it cannot be reached'}; trying again in ${waitMs} ms`);
    }
  }
}

async function invoke<A extends readonly unknown[], R>(
  state: State,
  { name, deadlineMs }: SuperviseOptions,
  call: WireCall<A, R>,
  args: A,
  signal: AbortSignal,
): Promise<R> {
  if (signal.aborted) throw abortedError(signal, call.path);
  const { link } = state;
  if (link === undefined) throw new DriverError('UNAVAILABLE', 'BACKEND', `the driver ${name} is down`);
  // Nothing was sent yet, so that UNAVAILABLE is the truth here, and never later for a call that changes something.
  if (!link.channel.connected()) await link.channel.ready(Math.min(RECONNECT_MS, deadlineMs), signal);
  return link.channel.call(call, args, deadlineMs, signal);
}

async function* watch(state: State, signal: AbortSignal): AsyncIterable<DriverEvent> {
  if (state.link !== undefined) yield* state.link.channel.watch(signal);
}

/** Opens the first link (rejecting where it cannot) and keeps one from then on. */
export async function supervise(options: SuperviseOptions, signal: AbortSignal): Promise<DialledDriver> {
  const first = await options.open(signal);
  const state: State = { link: first, wake: new Set() };
  const closing = new AbortController();
  const { categories } = first.info;
  const kept = keep(state, options, closing.signal);
  const driver = driverOf(
    categories,
    (call, args, callSignal) => invoke(state, options, call, args, callSignal),
    (watchSignal) => watch(state, watchSignal),
  );
  return {
    ...driver,
    name: options.name,
    instance: () => state.link?.info,
    pid: () => state.link?.pid,
    connections: (until) => connectionsOf(state, AbortSignal.any([until, closing.signal])),
    async close() {
      closing.abort(new Error('closed'));
      const { link } = state;
      enter(state, undefined);
      await link?.stop();
      await kept;
    },
  };
}
