import type { Category, Driver, DriverEvent } from '../contract/driver.ts';
import type { WireCall } from '../contract/wire/call.ts';
import { DRIVER_CALLS } from '../contract/wire/driver.ts';
import type { ServiceName } from '../contract/wire/driver.ts';

/** Carries one call to the driver, wherever it is now. */
export type Invoke = <A extends readonly unknown[], R>(call: WireCall<A, R>, args: A, signal: AbortSignal) => Promise<R>;

const SERVICES: Readonly<Record<Category, readonly ServiceName[]>> = {
  machine: ['host', 'machine'],
  disk: ['pool', 'disk', 'operation'],
  power: ['power'],
};

function serviceOf(name: ServiceName, invoke: Invoke): unknown {
  const calls = Object.entries(DRIVER_CALLS[name]) as unknown as [string, WireCall<readonly unknown[], unknown>][];
  const method =
    (call: WireCall<readonly unknown[], unknown>) =>
    async (...args: readonly unknown[]): Promise<unknown> =>
      invoke(call, args.slice(0, -1), args.at(-1) as AbortSignal);
  return Object.fromEntries(calls.map(([key, call]) => [key, method(call)]));
}

/** A `Driver` with the services of `categories`, each call carried by `invoke`. */
export function driverOf(
  categories: readonly Category[],
  invoke: Invoke,
  watch: (signal: AbortSignal) => AsyncIterable<DriverEvent>,
): Driver {
  const names: readonly ServiceName[] = ['identity', 'session', ...categories.flatMap((category) => SERVICES[category])];
  const services = Object.fromEntries(names.map((name) => [name, serviceOf(name, invoke)]));
  return { ...services, watch } as unknown as Driver;
}
