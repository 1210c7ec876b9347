import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { boundaryNamed } from '../test/simulation/boundary.ts';
import { tryBoundary } from '../test/simulation/exhaust.ts';
import { boundaryJobs, chunks, referenceFor, type Failure, type Job, type JobResult } from '../test/simulation/jobs.ts';
import { PAUSES_A_RUN } from '../test/simulation/pauses.ts';
import { doAll } from '../test/simulation/pool.ts';
import type { Outcome } from '../test/simulation/run.ts';
import { SCENARIOS } from '../test/simulation/scenarios/all.ts';
import { idleSpeed, loadSpeed } from '../test/simulation/speed.ts';
import { trySeed } from '../test/simulation/try-seed.ts';

const USAGE = `node hack/simulate.ts --exhaustive [--scenario NAME] [--seed N] [--sample K/N]   every boundary, or the K-th of N parts of them
node hack/simulate.ts --seeds COUNT [--from N]                                   random stories with random faults
node hack/simulate.ts --pauses COUNT [--from N]                                  leaders that stand still for 0.5 to 3 lease times
node hack/simulate.ts --seed N [--scenario NAME [--boundary NAME]]               one run, with its trace
node hack/simulate.ts --speed                                                    how much faster than the real clock`;
const PER_JOB = 20;
const SHOWN = 5;
/** How often it says how far it is. */
const SAYS = 100;
const SEED = 1;

const { values } = parseArgs({
  options: {
    exhaustive: { type: 'boolean' },
    speed: { type: 'boolean' },
    scenario: { type: 'string' },
    boundary: { type: 'string' },
    sample: { type: 'string' },
    seeds: { type: 'string' },
    pauses: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string' },
    threads: { type: 'string' },
  },
});

function show({ replay, why, hash, tail }: Failure): void {
  console.log(`\nFAILED ${replay} (trace ${hash})\n  ${why.join('\n  ')}`);
  console.log(`the end of its trace:\n  ${tail.join('\n  ')}\nagain: node hack/simulate.ts ${replay}`);
}

interface Total {
  tried: number;
  simulatedMs: number;
  settledMs: number;
  readonly failures: Failure[];
}

async function doJobs(jobs: Iterable<Job> | AsyncIterable<Job>, what: () => string): Promise<boolean> {
  const total: Total = { tried: 0, simulatedMs: 0, settledMs: 0, failures: [] };
  const beganMs = performance.now();
  await doAll(jobs, Number(values.threads ?? availableParallelism()), (result: JobResult) => {
    const said = Math.floor(total.tried / SAYS);
    total.tried += result.tried;
    if (Math.floor(total.tried / SAYS) > said)
      console.log(`${total.tried} tried in ${((performance.now() - beganMs) / 1000).toFixed(0)} s`);
    total.simulatedMs += result.simulatedMs;
    total.settledMs = Math.max(total.settledMs, result.settledMs);
    for (const failure of result.failures) {
      total.failures.push(failure);
      if (total.failures.length <= SHOWN) show(failure);
      else console.log(`FAILED ${failure.replay}: ${failure.why[0] ?? ''}`);
    }
  });
  const seconds = (performance.now() - beganMs) / 1000;
  const good = total.tried - total.failures.length;
  console.log(
    `${good} of ${total.tried} ${what()} converge, in ${seconds.toFixed(1)} s; ${(total.simulatedMs / 1000 / seconds).toFixed(0)} times faster ` +
      `than the real clock; all was quiet at the latest ${(total.settledMs / 1000).toFixed(0)} simulated seconds after the last fault`,
  );
  return total.failures.length === 0;
}

async function exhaust(seed: number): Promise<boolean> {
  const [part = 0, parts = 1] = (values.sample ?? '0/1').split('/').map(Number);
  const scenarios = values.scenario === undefined ? SCENARIOS.map(({ name }) => name) : [values.scenario];
  let all = 0;
  const jobs = boundaryJobs({ scenarios, seed, part, parts }, (name, boundaries) => {
    all += boundaries;
    console.log(`${name}: ${boundaries} boundaries`);
  });
  return doJobs(jobs, () => `boundaries (part ${part % parts} of ${parts}, of ${all} in all, seed ${seed})`);
}

function tell({ hash, lines, tail, simulatedMs, settledMs }: Outcome, why: readonly string[]): boolean {
  console.log(tail.join('\n'));
  console.log(
    `trace ${hash}, ${lines} lines, ${(simulatedMs / 1000).toFixed(0)} s simulated, quiet after ${(settledMs / 1000).toFixed(0)} s`,
  );
  console.log(why.length === 0 ? 'converged' : `FAILED\n  ${why.join('\n  ')}`);
  return why.length === 0;
}

async function one(seed: number): Promise<boolean> {
  const { scenario, boundary } = values;
  if (scenario === undefined) {
    const { outcome, why } = await trySeed(seed);
    return tell(outcome, why);
  }
  const reference = await referenceFor(scenario, seed);
  if (boundary === undefined) return tell(reference.outcome, []);
  const { outcome, why } = await tryBoundary(reference, seed, boundaryNamed(boundary));
  return tell(outcome, why);
}

async function speed(): Promise<boolean> {
  const clock = (): number => performance.now();
  const idle = await idleSpeed(24, clock);
  const load = await loadSpeed(20, clock);
  console.log(`idle: ${idle.factor.toFixed(0)} times faster than the real clock (24 h in ${idle.realMs.toFixed(0)} ms)`);
  console.log(`under load: ${load.factor.toFixed(0)} times (${(load.simulatedMs / 1000).toFixed(0)} s in ${load.realMs.toFixed(0)} ms)`);
  return true;
}

async function main(): Promise<boolean> {
  const seed = Number(values.seed ?? SEED);
  if (values.speed === true) return speed();
  if (values.exhaustive === true) return exhaust(seed);
  const from = Number(values.from ?? SEED);
  const seedsFrom = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => from + at);
  if (values.seeds !== undefined) {
    const jobs = chunks(seedsFrom(Number(values.seeds)), PER_JOB).map((seeds) => ({ do: 'seeds' as const, seeds }));
    return doJobs(jobs, () => `random seeds from ${from}`);
  }
  if (values.pauses !== undefined) {
    const runs = Math.ceil(Number(values.pauses) / PAUSES_A_RUN);
    const jobs = chunks(seedsFrom(runs), PAUSES_A_RUN).map((seeds) => ({ do: 'pauses' as const, seeds }));
    return doJobs(jobs, () => `pauses of leaders in ${runs} runs from seed ${from}`);
  }
  if (values.seed !== undefined) return one(seed);
  console.log(USAGE);
  return false;
}

process.exitCode = (await main()) ? 0 : 1;
