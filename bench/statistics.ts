/** The middle of some numbers; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

const RESAMPLES = 2_000;

/** A generator of numbers in [0, 1) that always begins the same: the same samples give the same interval. */
function repeatable(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The 95 % bootstrap interval of the median. */
export function interval(numbers: readonly number[]): readonly [number, number] {
  const random = repeatable(1);
  const pick = (): number => numbers[Math.floor(random() * numbers.length)] ?? Number.NaN;
  const medians = Array.from({ length: RESAMPLES }, () => median(numbers.map(pick))).sort((a, b) => a - b);
  return [medians[Math.floor(RESAMPLES * 0.025)] ?? Number.NaN, medians[Math.floor(RESAMPLES * 0.975)] ?? Number.NaN];
}
