import type { Allocation } from './fields.ts';

const STRICTNESS: Readonly<Record<Allocation, number>> = { Enabled: 0, Cordoned: 1, Disabled: 2 };

/** What holds for an object, given its own allocation and its parents': the strictest. */
export function strictestAllocation(allocations: readonly Allocation[]): Allocation {
  return allocations.reduce((strictest, next) => (STRICTNESS[next] > STRICTNESS[strictest] ? next : strictest), 'Enabled');
}
