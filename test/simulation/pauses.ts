import { LEASE_MS, type SimCloud } from './cloud.ts';
import { differencesOf, timeless } from './end-state.ts';
import { randomStory } from './random-story.ts';
import type { SimProcess } from './process.ts';
import { createRandom } from './random.ts';
import { CALM, NO_TROUBLE, play, type Outcome, type Trouble } from './run.ts';
import { NO_FATES, type Exchange } from './wire.ts';

/** How often a leader stands still in one run. */
export const PAUSES_A_RUN = 5;
const SHARDS = ['zone-1', 'zone-1', 'zone-2'] as const;
const DEEDS = 40;
const APART_MS = 60_000;
/** Who changes nothing for so long, stands still all the same. */
const PATIENCE_MS = 10_000;

/** Leaders that stand still in the middle of a change, each for half a lease time to three, and go on with their old ideas. */
function pausesOf(seed: number): Trouble & { readonly made: () => number } {
  const random = createRandom(seed ^ 0x9a05e);
  const starts = Array.from({ length: PAUSES_A_RUN }, (_, at) => (at + random.next()) * APART_MS);
  let made = 0;
  const begin = (cloud: SimCloud): ReturnType<Trouble['begin']> => {
    /** The shard whose leader stands still when it next changes something, and where that is to happen. */
    let armed: { readonly shard: string; readonly to: Exchange['to'] } | undefined;
    const strike = (process: SimProcess | undefined): void => {
      armed = undefined;
      if (process === undefined) return;
      made += 1;
      process.pause();
      cloud.timeline.after(random.between(0.5, 3) * LEASE_MS, () => process.resume());
    };
    const leads = ({ name }: SimProcess): boolean => armed !== undefined && cloud.watch.leaderOf(armed.shard) === name;
    for (const ms of starts) {
      cloud.timeline.after(ms, () => {
        armed = { shard: random.pick(SHARDS), to: random.pick(['driver', 'driver', 'api'] as const) };
      });
      cloud.timeline.after(ms + PATIENCE_MS, () => strike(cloud.processes.find(leads)));
    }
    return {
      ...NO_FATES,
      of({ process, mutating, to }) {
        if (armed?.to === to && mutating && leads(process)) strike(process);
        return {};
      },
    };
  };
  const end = (cloud: SimCloud): Promise<void> => cloud.user.sleep(PAUSES_A_RUN * APART_MS);
  return { begin, end, made: () => made };
}

/** What a run in which leaders stand still came to: what is wrong, and how many did. */
export interface PausesResult {
  readonly why: readonly string[];
  readonly outcome: Outcome;
  readonly made: number;
}

/** Plays a story of many deeds in which leaders stand still, and compares its end with that of the same story without. */
export async function tryPauses(seed: number): Promise<PausesResult> {
  const story = randomStory(seed, DEEDS);
  const trouble = pausesOf(seed);
  const calm = await play(story, seed, NO_TROUBLE, CALM);
  const outcome = await play(story, seed, trouble);
  const calmly = calm.violations.map((violation) => `without pauses: ${violation}`);
  return {
    why: [...calmly, ...outcome.violations, ...differencesOf(timeless(calm.end), timeless(outcome.end))],
    outcome,
    made: trouble.made(),
  };
}
