import type { Clock } from '../../apis/meta/clock.ts';
import type { Driver, DriverInfo } from '../../drivers/contract/driver.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { DialledDriver } from '../../drivers/dial/supervise.ts';
import { serveWorld, type SimDriver } from '../../drivers/sim/driver.ts';
import { openWorld } from '../../drivers/sim/world.ts';
import type { SimProcess } from './process.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** The process that serves the simulated data centre: it may end, and another begins on the same world. */
export interface DriverProcess {
  /** The one that serves, or served last. */
  now(): SimDriver;
  /** Ends it; its sessions and what it was told to watch are gone. Another one begins a second later. */
  restart(): void;
  /** The driver as `process` has dialled it; `link` is the way to it. */
  dial(process: SimProcess, link: (driver: Driver) => Driver, signal: AbortSignal): Promise<DialledDriver>;
  close(): void;
}

export interface DriverProcessOptions {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly clock: Clock;
  readonly newId: (bytes: number) => string;
}

type AnyMethod = (...args: readonly unknown[]) => Promise<unknown>;
type Services = Readonly<Record<string, Readonly<Record<string, AnyMethod>>>>;

/** As drivers/dial waits before it starts a driver again. */
const DOWN_MS = 1_000;

/** The driver that serves now in the shape of one, which rejects while none does. */
function whoeverServes(now: () => SimDriver | undefined, shape: Driver): Driver {
  const call = (service: string, name: string): AnyMethod => {
    return (...args) => {
      const method = (now()?.driver as unknown as Services | undefined)?.[service]?.[name];
      return method?.(...args) ?? Promise.reject(new DriverError('UNAVAILABLE', 'BACKEND', 'the driver is down'));
    };
  };
  const services = Object.entries(shape as unknown as Services).filter(([, methods]) => typeof methods === 'object');
  const entries = services.map(([service, methods]): [string, unknown] => {
    return [service, Object.fromEntries(Object.keys(methods).map((name) => [name, call(service, name)]))];
  });
  return {
    ...(Object.fromEntries(entries) as unknown as Driver),
    async *watch(signal) {
      const serving = now();
      if (serving !== undefined) yield* serving.driver.watch(signal);
    },
  };
}

/** What one process knows of the driver that it has dialled. */
interface Known {
  info: DriverInfo | undefined;
  wake: () => void;
}

async function* connectionsOf(known: Known, signal: AbortSignal): AsyncIterable<DriverInfo> {
  let told: DriverInfo | undefined;
  signal.addEventListener('abort', () => known.wake(), { once: true });
  while (!signal.aborted) {
    const { info } = known;
    if (info !== undefined && info !== told) yield (told = info);
    else await new Promise<void>((resolve) => (known.wake = resolve));
  }
}

/** Starts a driver on a new world in memory. */
export function createDriverProcess({ timeline, trace, clock, newId }: DriverProcessOptions): DriverProcess {
  const world = openWorld(':memory:', () => clock.now());
  const serve = (): SimDriver => serveWorld(world, { clock, version: '0', newId });
  const ends = new Set<() => void>();
  let last = serve();
  let up = true;
  const start = (): void => {
    const faults = last.faults.list();
    last = serve();
    for (const fault of faults) last.faults.set(fault);
    up = true;
    trace.add('the driver begins again');
  };
  const driver = whoeverServes(() => (up ? last : undefined), last.driver);
  /** Asks who serves until somebody says so, as a supervisor tries to connect. */
  const reconnect = (known: Known, linked: Driver, process: SimProcess, signal: AbortSignal): void => {
    const again = (): void => void timeline.after(DOWN_MS, () => reconnect(known, linked, process, signal), process);
    linked.identity.getInfo(signal).then((info) => {
      known.info = info;
      known.wake();
    }, again);
  };
  return {
    now: () => last,
    restart() {
      if (!up) return;
      trace.add('the driver ends');
      up = false;
      last.close();
      for (const end of ends) end();
      timeline.after(DOWN_MS, start);
    },
    async dial(process, link, signal) {
      const linked = link(driver);
      const known: Known = { info: await linked.identity.getInfo(signal), wake: () => undefined };
      const end = (): void => {
        known.info = undefined;
        timeline.after(DOWN_MS, () => reconnect(known, linked, process, signal), process);
      };
      ends.add(end);
      process.onDeath(() => ends.delete(end));
      return {
        ...linked,
        name: 'sim',
        instance: () => known.info,
        pid: () => undefined,
        connections: (until) => connectionsOf(known, until),
        close: () => Promise.resolve(),
      };
    },
    close() {
      last.close();
      world.close();
    },
  };
}
