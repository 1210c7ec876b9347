import { availableParallelism } from 'node:os';
import { plantDisk } from '../../drivers/sim/guests.ts';
import type { Sim } from '../../drivers/sim/sim.ts';
import { chaosOf } from './chaos.ts';
import { boundariesOf, boundaryNamed, nameOf } from './boundary.ts';
import { openSimCloud } from './cloud.ts';
import { endStateOf } from './end-state.ts';
import { boundaryJobs, chunks, type Job, type JobResult } from './jobs.ts';
import { PAUSES_A_RUN } from './pauses.ts';
import { doAll } from './pool.ts';
import { randomStory } from './random-story.ts';
import { createRandom } from './random.ts';
import { play } from './run.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { idleSpeed } from './speed.ts';
import { createTimeline } from './timeline.ts';

/** Parts of the exhaustive set; each hour's CI tries another. */
const PARTS = 100;
const SEEDS = 300;
const PAUSES = 10;
const SEED = 1;
const HOUR = Math.floor(Date.now() / 3_600_000);
const PART = HOUR % PARTS;
const FROM = (HOUR % 100_000) * SEEDS + 1;

async function runJobs(jobs: Iterable<Job> | AsyncIterable<Job>): Promise<JobResult> {
  const results: JobResult[] = [];
  await doAll(jobs, availableParallelism(), (result) => results.push(result));
  return {
    tried: results.reduce((sum, { tried }) => sum + tried, 0),
    simulatedMs: 0,
    settledMs: Math.max(...results.map(({ settledMs }) => settledMs)),
    failures: results.flatMap(({ failures }) => failures),
  };
}

/** What to read when a run failed, and how to see it again. */
const told = ({ failures }: JobResult): readonly string[] =>
  failures.map(({ replay, why, hash, tail }) => `node hack/simulate.ts ${replay} (trace ${hash})\n${why.join('\n')}\n${tail.join('\n')}`);

test('a seed replays with the same trace, and another seed has another', async () => {
  const run = async (seed: number): Promise<string> => (await play(randomStory(seed), seed, chaosOf(seed))).hash;
  const first = await run(7);
  expect(await run(7)).toBe(first);
  expect(await run(8)).not.toBe(first);
}, 60_000);

test('a boundary has a name that says all about it', () => {
  const all = boundariesOf(
    {
      changes: [1, 2, 3, 4, 99],
      calls: new Map([
        [1, true],
        [2, false],
        [4, true],
      ]),
      events: [5, 6, 99],
    },
    50,
  );
  // 4 x 4 crashes, 2 pauses of writes and 2 x 3 of calls, 2 x 2 losses, 1 that comes late, 2 x 2 events.
  expect(all).toHaveLength(33);
  expect(all.map((boundary) => boundaryNamed(nameOf(boundary)))).toEqual(all);
});

/** What is said of a cloud in which an operator has put something where nobody declared it. */
async function leakedAfter(plant: (sim: Sim) => void): Promise<readonly string[]> {
  const cloud = await openSimCloud(SEED);
  plant(cloud.sim.sim);
  const { leaked } = await endStateOf(cloud.store, cloud.sim, cloud.user.signal);
  await cloud.close();
  return leaked;
}

test('a disk that no object owns is found', async () => {
  const leaked = await leakedAfter((sim) => {
    sim.world.put('endpoints', 'disk', 'p', { uid: 'p', name: 'p', poolId: 'p', config: {} });
    plantDisk(sim, 'p', 'nobodys', 1);
  });
  expect(leaked).toEqual(['disk p nobodys']);
});

test('a loop that nothing slows down is told from one that waits', async () => {
  const timeline = createTimeline(createRandom(SEED));
  const again = (): void => {
    timeline.after(0, again);
  };
  again();
  await expect(timeline.run(() => false, 10_000)).rejects.toThrow('a loop that nothing slows down');
});

test(`part ${PART} of ${PARTS} of all boundaries converges (node hack/simulate.ts --exhaustive --sample ${PART}/${PARTS})`, async () => {
  let all = 0;
  const selection = { scenarios: SCENARIOS.map(({ name }) => name), seed: SEED, part: PART, parts: PARTS };
  const result = await runJobs(boundaryJobs(selection, (_, boundaries) => (all += boundaries)));
  expect(told(result)).toEqual([]);
  expect(result.tried).toBeGreaterThan(Math.floor(all / PARTS) - 1);
}, 300_000);

test(`random seeds converge (node hack/simulate.ts --seeds ${SEEDS} --from ${FROM})`, async () => {
  const seeds = Array.from({ length: SEEDS }, (_, at) => FROM + at);
  const result = await runJobs(chunks(seeds, 10).map((some): Job => ({ do: 'seeds', seeds: some })));
  expect(told(result)).toEqual([]);
  expect(result.tried).toBe(SEEDS);
}, 300_000);

test(`leaders that stand still have no effect when they go on (node hack/simulate.ts --pauses ${PAUSES} --from ${FROM})`, async () => {
  const runs = Array.from({ length: PAUSES / PAUSES_A_RUN }, (_, at) => FROM + at);
  const result = await runJobs(runs.map((seed) => ({ do: 'pauses', seeds: [seed] })));
  expect(told(result)).toEqual([]);
  expect(result.tried).toBe(PAUSES);
}, 300_000);

test('time passes much faster than on the real clock when nothing happens', async () => {
  const busyMs = (): number => process.cpuUsage().user / 1000;
  const { factor } = await idleSpeed(3, busyMs);
  // What is promised is measured by `node hack/simulate.ts --speed` on a quiet machine; this finds what makes it stand.
  expect(factor).toBeGreaterThan(1_000);
}, 60_000);
