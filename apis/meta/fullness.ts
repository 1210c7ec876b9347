/** What is left before something is said to be full, in percent of what there is. */
const FULL_PERCENT = 99;
/** What is nearly full is so until it is this much emptier: what is used moves all the time. */
const CALM_PERCENT = 2;

export type Fullness = 'HasRoom' | 'NearlyFull' | 'Full';

/** How full something is that is nearly full from `threshold` percent on; `before`: whether it was said to be. */
export function fullnessOf(
  { used, of, threshold }: { readonly used: number; readonly of: number; readonly threshold: number },
  before: boolean,
): Fullness {
  if (used * 100 >= of * Math.max(FULL_PERCENT, threshold)) return 'Full';
  return used * 100 >= of * (threshold - (before ? CALM_PERCENT : 0)) ? 'NearlyFull' : 'HasRoom';
}
