import { boundariesOf, troubleAt, type Boundary } from './boundary.ts';
import { differencesOf, timeless } from './end-state.ts';
import { play, type Limits, type Outcome } from './run.ts';
import type { Scenario } from './scenario.ts';

/** A scenario, and what it comes to without faults: what all others are compared with. */
export interface Expectation {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
}

/** The same with everything that can go wrong in it. */
export interface Reference extends Expectation {
  readonly boundaries: readonly Boundary[];
}

/** Without faults, whatever takes longer waited for something that nobody told of; every object is looked at again by itself in the silence. */
const UNHARMED: Limits = { storyMs: 60_000, boundMs: 20_000, quietMs: 400_000 };
/** With one: a lease that runs out, a call that is a minute late, and a watch that lags are over by then, without help from a resync. */
const HARMED: Limits = { storyMs: 200_000, boundMs: 100_000, quietMs: 120_000 };
/** The same, until everything was looked at again by itself. */
const RESYNCED: Limits = { ...HARMED, quietMs: 400_000 };
/** How many boundaries share one that is watched for so long. */
const RESYNCED_EVERY = 8;

/** Plays a scenario without faults; throws where that alone goes wrong. */
export async function referenceOf(scenario: Scenario, seed: number): Promise<Reference> {
  const trouble = troubleAt(undefined);
  const outcome = await play(scenario, seed, trouble, UNHARMED);
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

/** What a run with a fault should have in common with the one without. */
function missesOf({ scenario, outcome: expected }: Expectation, found: Outcome, fault: Boundary): readonly string[] {
  if (scenario.mayVary === true) return [...found.violations, ...differencesOf(timeless(expected.end), timeless(found.end))];
  // For who stood still, a host whose answer waits may have been silent for too long: what is placed then goes elsewhere.
  const mayGoElsewhere = fault.do === 'pause';
  const differences = mayGoElsewhere ? differencesOf(timeless(expected.end), timeless(found.end)) : differencesOf(expected.end, found.end);
  return [...found.violations, ...differences, ...countsThatDiffer(expected.counts, found.counts)];
}

/** What a boundary came to, and why that is wrong; empty where it converged. */
export interface Tried {
  readonly why: readonly string[];
  readonly outcome: Outcome;
}

/** Plays a scenario with one boundary. */
export async function tryBoundary(expectation: Expectation, seed: number, boundary: Boundary): Promise<Tried> {
  const limits = boundary.at % RESYNCED_EVERY === 0 ? RESYNCED : HARMED;
  const outcome = await play(expectation.scenario, seed, troubleAt(boundary), limits);
  return { why: missesOf(expectation, outcome, boundary), outcome };
}
