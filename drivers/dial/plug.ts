import type { Driver } from '../contract/driver.ts';
import type { DialledDriver } from './supervise.ts';

/** A driver of this process in the shape of a dialled one: always up, and closed by its owner. */
export async function plugDriver(driver: Driver, signal: AbortSignal): Promise<DialledDriver> {
  const info = await driver.identity.getInfo(signal);
  return {
    ...driver,
    name: info.name,
    instance: () => info,
    pid: () => undefined,
    async *connections(until) {
      yield info;
      if (until.aborted) return;
      await new Promise<void>((resolve) => until.addEventListener('abort', () => resolve(), { once: true }));
    },
    close: () => Promise.resolve(),
  };
}
