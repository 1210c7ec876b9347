import type { Resources } from './fields.ts';
import { bytesOf, quantityOf } from './quantity.ts';

/** Resources as numbers that can be added. */
export interface Amounts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
}

/** Nothing at all. */
export const NOTHING: Amounts = { cpus: 0, memoryBytes: 0, storageBytes: 0 };

/** How many there are, and what they come to. */
export interface Sum {
  readonly count: number;
  readonly amounts: Amounts;
}

/** The sum of sums. */
export function totalOf(sums: readonly Sum[]): Sum {
  return { count: sums.reduce((total, { count }) => total + count, 0), amounts: sumOf(sums.map(({ amounts }) => amounts)) };
}

/** The sum of all. */
export function sumOf(amounts: readonly Amounts[]): Amounts {
  return amounts.reduce(
    (sum, { cpus, memoryBytes, storageBytes }) => ({
      cpus: sum.cpus + cpus,
      memoryBytes: sum.memoryBytes + memoryBytes,
      storageBytes: sum.storageBytes + storageBytes,
    }),
    NOTHING,
  );
}

/** Amounts as the API shows them. */
export function resourcesOf({ cpus, memoryBytes, storageBytes }: Amounts): Resources {
  return { cpus, memory: quantityOf(memoryBytes), storage: quantityOf(storageBytes) };
}

/** Amounts in what the API shows; nothing where it shows nothing. */
export function amountsOf(resources: Resources | undefined): Amounts {
  if (resources === undefined) return NOTHING;
  return { cpus: resources.cpus, memoryBytes: bytesOf(resources.memory), storageBytes: bytesOf(resources.storage) };
}

/** What may be given out of an amount: less what is reserved, times the overcommit. */
export function allocatableOf(amount: number, reserved: number, percent: number): number {
  return Math.floor((Math.max(amount - reserved, 0) * percent) / 100);
}
