import { boundaryNamed, nameOf } from './boundary.ts';
import { referenceOf, tryBoundary, type Reference } from './exhaust.ts';
import { tryPauses } from './pauses.ts';
import type { Outcome } from './run.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { trySeed } from './try-seed.ts';

/** Work for one core. */
export type Job =
  | {
      readonly do: 'boundaries';
      readonly scenario: string;
      readonly seed: number;
      readonly boundaries: readonly string[];
      /** What the scenario comes to without faults. */
      readonly expected: Outcome;
    }
  | { readonly do: 'seeds'; readonly seeds: readonly number[] }
  | { readonly do: 'pauses'; readonly seeds: readonly number[] };

/** A run that did not come to the end that it should. */
export interface Failure {
  /** The words after `node hack/simulate.ts` that play it again. */
  readonly replay: string;
  readonly why: readonly string[];
  readonly hash: string;
  readonly tail: readonly string[];
}

export interface JobResult {
  readonly tried: number;
  /** Simulated ms of all runs. */
  readonly simulatedMs: number;
  /** The longest time, in simulated ms, from a last fault until all was quiet. */
  readonly settledMs: number;
  readonly failures: readonly Failure[];
}

/** So many boundaries are one job. */
const PER_JOB = 20;

function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(', ')}`);
  return scenario;
}

/** Plays the scenario without faults; throws where there is none of that name, or where that alone goes wrong. */
export async function referenceFor(name: string, seed: number): Promise<Reference> {
  return referenceOf(scenarioNamed(name), seed);
}

/** Items in pieces of `size`, the last of what is left. */
export function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** Which boundaries are played: of these scenarios the `part`-th of so many `parts` of all. */
export interface Selection {
  readonly scenarios: readonly string[];
  readonly seed: number;
  readonly part: number;
  readonly parts: number;
}

/** The jobs of a selection: while the first are done, the references of the next are made here. `found` hears how many boundaries each has. */
export async function* boundaryJobs(
  { scenarios, seed, part, parts }: Selection,
  found: (scenario: string, boundaries: number) => void,
): AsyncGenerator<Job, void, undefined> {
  let before = 0;
  for (const scenario of scenarios) {
    const { boundaries, outcome: expected } = await referenceFor(scenario, seed);
    found(scenario, boundaries.length);
    const mine = boundaries.filter((_, at) => (before + at) % parts === part % parts).map(nameOf);
    before += boundaries.length;
    yield* chunks(mine, PER_JOB).map((some) => ({ do: 'boundaries' as const, scenario, seed, boundaries: some, expected }));
  }
}

interface Sum {
  tried: number;
  simulatedMs: number;
  settledMs: number;
  readonly failures: Failure[];
}

interface Tried {
  readonly why: readonly string[];
  readonly outcome: Outcome;
  /** How many of what is counted the run had; 1 where it is not given. */
  readonly made?: number;
}

/** Adds one run to the sum; one that could not go on to its end has failed. */
async function count(sum: Sum, replay: string, run: () => Promise<Tried>): Promise<void> {
  try {
    const { why, outcome, made = 1 } = await run();
    sum.tried += made;
    sum.simulatedMs += outcome.simulatedMs;
    sum.settledMs = Math.max(sum.settledMs, outcome.settledMs);
    if (why.length > 0) sum.failures.push({ replay, why, hash: outcome.hash, tail: outcome.tail });
  } catch (error) {
    sum.tried += 1;
    sum.failures.push({ replay, why: [error instanceof Error ? error.message : String(error)], hash: '', tail: [] });
  }
}

async function tryBoundaries({ scenario, seed, boundaries, expected }: Extract<Job, { do: 'boundaries' }>, sum: Sum): Promise<void> {
  const expectation = { scenario: scenarioNamed(scenario), outcome: expected };
  for (const name of boundaries) {
    const replay = `--scenario ${scenario} --seed ${seed} --boundary ${name}`;
    await count(sum, replay, () => tryBoundary(expectation, seed, boundaryNamed(name)));
  }
}

/** Does a job on this thread. */
export async function doJob(job: Job): Promise<JobResult> {
  const sum: Sum = { tried: 0, simulatedMs: 0, settledMs: 0, failures: [] };
  if (job.do === 'boundaries') await tryBoundaries(job, sum);
  else if (job.do === 'seeds') for (const seed of job.seeds) await count(sum, `--seed ${seed}`, () => trySeed(seed));
  else for (const seed of job.seeds) await count(sum, `--pauses 1 --from ${seed}`, () => tryPauses(seed));
  return sum;
}
