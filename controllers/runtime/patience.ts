/** How long to wait for something before others go on without it. */
export interface Patience {
  /** A few times as long as such things took lately, so that one that is slow is told from a machine on which everything is. */
  ms(): number;
  /** One has ended, after so long. */
  took(ms: number): void;
}

const LEAST_MS = 50;
const MOST_MS = 5000;
const TIMES = 4;
/** By so much what is remembered moves with each that ends: after some dozens it has followed any change. */
const STEP = 1.1;

/** Nothing has ended yet. */
export function createPatience(): Patience {
  // About the median: those that wait for a slow device may be many, and still do not count.
  let usualMs = 1;
  return {
    ms: () => Math.min(Math.max(LEAST_MS, TIMES * usualMs), MOST_MS),
    took(ms) {
      usualMs = Math.min(Math.max(ms > usualMs ? usualMs * STEP : usualMs / STEP, 1), MOST_MS);
    },
  };
}
