import type { Told } from './history.ts';

/** One effect on a key: when it can have been, at the earliest and at the latest. */
export interface Effect {
  readonly version: bigint;
  readonly present: boolean;
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** What a key was for a while; before its first effect it was absent. */
interface State {
  readonly version: bigint;
  readonly present: boolean;
}

/** What one key was, one state after the other. */
export interface States {
  /** What the key can have been at some moment of a time; undefined where nobody watched, so that it may have been anything. */
  during(startedMs: number, endedMs: number): readonly State[] | undefined;
}

/** The states between the effects of one key, oldest effect first. */
export function statesOf(effects: readonly Effect[], { covers, start, reach }: Told): States {
  const states: readonly State[] = [{ version: start, present: false }, ...effects];
  // No effect is before one that precedes it, or after one that follows it; so both bounds only grow, and can be searched.
  const from: number[] = [-Infinity];
  for (const { earliestMs } of effects) from.push(Math.max(earliestMs, from.at(-1) ?? -Infinity));
  const until: number[] = [Infinity];
  for (const { latestMs } of effects.toReversed()) until.push(Math.min(latestMs, until.at(-1) ?? Infinity));
  until.reverse();
  const known = states.map(({ version }, at) => covers(version, states[at + 1]?.version ?? reach));

  return {
    during: (startedMs, endedMs) => {
      const first = firstWhere(until, (ms) => ms >= startedMs);
      const end = firstWhere(from, (ms) => ms > endedMs);
      // Where the effects contradict real time there is no such state; that is found by itself.
      if (first >= end || known.slice(first, end).includes(false)) return undefined;
      return states.slice(first, end);
    },
  };
}

/** Where in a list that is false up to some place and true from there on that place is. */
function firstWhere(list: readonly number[], holds: (ms: number) => boolean): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle] ?? Infinity)) high = middle;
    else low = middle + 1;
  }
  return low;
}
