import { boundariesOf, troubleAt, type Boundary } from './boundary.ts';
import { differencesOf } from './end-state.ts';
import { play, type Outcome } from './run.ts';
import type { Scenario } from './scenario.ts';

/** A scenario without faults: what all others are compared with. */
export interface Reference {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly boundaries: readonly Boundary[];
}

/** For how long nothing may change at the end of each boundary's run: every object is looked at again by itself in that time. */
const QUIET_MS = 400_000;

/** Plays a scenario without faults; throws where that alone goes wrong. */
export async function referenceOf(scenario: Scenario, seed: number): Promise<Reference> {
  const trouble = troubleAt(undefined);
  const outcome = await play(scenario, seed, trouble);
  if (outcome.violations.length > 0)
    throw new Error(`${scenario.name} without faults: ${outcome.violations.join('; ')}\n${outcome.tail.join('\n')}`);
  return { scenario, outcome, boundaries: boundariesOf(trouble.places(), outcome.lastChangeMs) };
}

function countsThatDiffer(expected: Outcome['counts'], found: Outcome['counts']): readonly string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  return names.flatMap((name) => {
    const [should, is] = [expected[name] ?? 0, found[name] ?? 0];
    return should === is ? [] : [`${name}: ${is} times and not ${should}`];
  });
}

/** What a run with faults should have in common with the one without. */
function missesOf({ scenario, outcome: expected }: Reference, found: Outcome): readonly string[] {
  const counts = scenario.mayVary === 'counts' ? [] : countsThatDiffer(expected.counts, found.counts);
  return [...found.violations, ...differencesOf(expected.end, found.end), ...counts];
}

/** What a boundary came to, and why that is wrong; empty where it converged. */
export interface Tried {
  readonly why: readonly string[];
  readonly outcome: Outcome;
}

/** Plays a scenario with one boundary. */
export async function tryBoundary(reference: Reference, seed: number, boundary: Boundary): Promise<Tried> {
  const outcome = await play(reference.scenario, seed, troubleAt(boundary), QUIET_MS);
  return { why: missesOf(reference, outcome), outcome };
}
