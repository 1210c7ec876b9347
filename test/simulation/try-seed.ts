import { chaosOf } from './chaos.ts';
import { differencesOf, timeless } from './end-state.ts';
import { randomStory } from './random-story.ts';
import { CALM, NO_TROUBLE, play, type Outcome } from './run.ts';

/** What one random seed came to. */
export interface SeedResult {
  readonly seed: number;
  /** Why it failed; empty where it did not. */
  readonly why: readonly string[];
  readonly outcome: Outcome;
}

/** Plays the story of a seed with the faults of the seed, and compares its end with that of the story without faults. */
export async function trySeed(seed: number): Promise<SeedResult> {
  const story = randomStory(seed);
  const calm = await play(story, seed, NO_TROUBLE, CALM);
  const outcome = await play(story, seed, chaosOf(seed));
  const calmly = calm.violations.map((violation) => `without faults: ${violation}`);
  return { seed, why: [...calmly, ...outcome.violations, ...differencesOf(timeless(calm.end), timeless(outcome.end))], outcome };
}
