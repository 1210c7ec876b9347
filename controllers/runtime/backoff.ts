const FIRST_MS = 1_000;
const LAST_MS = 300_000;

/** How long to wait after `failures` failures in a row (1 and more): 1 s doubling to 5 min, each between half and all of it. */
export function backoffMs(failures: number, random: () => number): number {
  const full = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20));
  return full * (0.5 + random() / 2);
}
