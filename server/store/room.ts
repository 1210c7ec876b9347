/** How much a store has, and how much more it can take. */
export interface StoreRoom {
  readonly usedBytes: number;
  readonly freeBytes: number;
  /** It takes nothing more now, whatever is free. */
  readonly refuses: boolean;
}

const LEAST_BYTES = 256 * 2 ** 20;
const FULL_BYTES = 32 * 2 ** 20;

/** Whether a store needs somebody to look after it: nearly full with less than 256 MiB, or than an eighth of what it has, left. */
export function fullnessOfStore({ usedBytes, freeBytes, refuses }: StoreRoom): 'HasRoom' | 'NearlyFull' | 'Full' {
  if (refuses || freeBytes < FULL_BYTES) return 'Full';
  return freeBytes < Math.max(LEAST_BYTES, usedBytes / 8) ? 'NearlyFull' : 'HasRoom';
}
