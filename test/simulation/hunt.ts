import { nameOf, type Boundary } from './boundary.ts';
import { tryBoundary } from './exhaust.ts';
import { referenceFor } from './jobs.ts';
import { tryPauses } from './pauses.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { trySeed } from './try-seed.ts';

/** Of the scenarios in which something is looked for first, this part of the boundaries; of the others, a smaller one. */
const FIRST = 3;
const LATER = 29;
const SEEDS = 20;
const PAUSES = 5;
const SEED = 1;

/** One run, and why it failed; empty where it did not. */
export interface Hunted {
  /** The words after `node hack/simulate.ts` that play it. */
  readonly replay: string;
  readonly why: readonly string[];
}

/** A run that cannot go on to its end has failed. */
async function ran(replay: string, run: () => Promise<{ readonly why: readonly string[] }>): Promise<Hunted> {
  try {
    return { replay, why: (await run()).why };
  } catch (error) {
    return { replay, why: [error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)] };
  }
}

/** A scenario without faults. */
function calm(name: string): Promise<Hunted> {
  return ran(`--scenario ${name} --seed ${SEED}`, () => referenceFor(name, SEED).then(() => ({ why: [] })));
}

async function* boundaries(name: string, every: number): AsyncGenerator<Hunted, void, undefined> {
  const reference = await referenceFor(name, SEED);
  // Calls that are lost or come late are few, and find much; so does who stands still or is late, where something is looked for.
  const isFirst = (boundary: Boundary): boolean => {
    if (boundary.do === 'slow' || boundary.do === 'lost') return true;
    return every === FIRST && (boundary.do === 'pause' || (boundary.do === 'crash' && boundary.when === 'late'));
  };
  const others = reference.boundaries.filter((boundary, at) => !isFirst(boundary) && at % every === 0);
  for (const boundary of [...reference.boundaries.filter(isFirst), ...others]) {
    yield ran(`--scenario ${name} --seed ${SEED} --boundary ${nameOf(boundary)}`, () => tryBoundary(reference, SEED, boundary));
  }
}

/** Runs of all kinds, those first in which something is looked for. */
export async function* hunt(prey: readonly string[]): AsyncGenerator<Hunted, void, undefined> {
  const others = SCENARIOS.map(({ name }) => name).filter((name) => !prey.includes(name));
  for (const name of [...prey, ...others]) yield calm(name);
  for (const name of prey) yield* boundaries(name, FIRST);
  for (const name of others) yield* boundaries(name, LATER);
  for (let seed = SEED; seed < SEED + SEEDS; seed += 1) yield ran(`--seed ${seed}`, () => trySeed(seed));
  for (let seed = SEED; seed < SEED + PAUSES; seed += 1) yield ran(`--pauses 1 --from ${seed}`, () => tryPauses(seed));
}
