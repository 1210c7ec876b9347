import { openSimCloud, type SimCloud } from './cloud.ts';
import { endStateOf, type EndState } from './end-state.ts';
import { isReady, userOf, type Scenario } from './scenario.ts';
import type { SimProcess } from './process.ts';
import { NO_FATES, type Fates } from './wire.ts';

/** What a run came to. */
export interface Outcome {
  readonly violations: readonly string[];
  /** Identifies everything that happened. */
  readonly hash: string;
  readonly lines: number;
  readonly tail: readonly string[];
  readonly end: EndState;
  /** How often each machine and disk was created, started, stopped and deleted, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Simulated ms, in all, and from the last fault until all was quiet. */
  readonly simulatedMs: number;
  readonly settledMs: number;
  /** When the last thing changed, in ms of the run. */
  readonly lastChangeMs: number;
}

/** What goes wrong in a run, and until when. */
export interface Trouble {
  /** Called when the world is ready and the story begins. */
  begin(cloud: SimCloud): Fates;
  /** Called when the story has ended: resolves when the last fault has. */
  end?(cloud: SimCloud): Promise<void>;
}

/** A run in which nothing goes wrong. */
export const NO_TROUBLE: Trouble = { begin: () => NO_FATES };

/** How long things may take, in simulated ms. */
export interface Limits {
  /** From the beginning of the story to its end. */
  readonly storyMs: number;
  /** From the end of the story and of the last fault until the last change. */
  readonly boundMs: number;
  /** For how long nothing may change then. */
  readonly quietMs: number;
}

/** For random faults: within ten minutes everything has settled, and then for as long nothing changes. */
export const WIDE: Limits = { storyMs: 3_600_000, boundMs: 600_000, quietMs: 600_000 };
/** The same for what only shows what the others should come to. */
export const CALM: Limits = { ...WIDE, quietMs: 30_000 };
/** The world before a story, in which nothing goes wrong. */
const PREPARED: Limits = { storyMs: 300_000, boundMs: 60_000, quietMs: 2_000 };
const RETURNS_MS = 1_000;
const TAIL = 60;

/** Runs a promise on virtual time; false where it did not end within `ms`. */
export async function runUntilEnded(cloud: SimCloud, work: Promise<unknown>, ms: number): Promise<boolean> {
  const state: { ended: boolean; error?: unknown } = { ended: false };
  work.then(
    () => (state.ended = true),
    (error: unknown) => {
      state.ended = true;
      state.error = error;
    },
  );
  const { timeline } = cloud;
  const inTime = await timeline.run(() => state.ended, timeline.now() + ms);
  if (state.error !== undefined)
    cloud.watch.violations.push(`the story failed: ${state.error instanceof Error ? state.error.message : 'by no error'}`);
  return inTime;
}

/** Runs until nothing changes for `quietMs`; how long it took until the last change, or undefined where that is too long. */
export async function settle(cloud: SimCloud, boundMs: number, quietMs: number): Promise<number | undefined> {
  const { timeline, watch } = cloud;
  const fromMs = timeline.now();
  const quiet = (): boolean => timeline.now() - Math.max(fromMs, watch.lastChangeMs) >= quietMs;
  // Somebody must be awake at the end of the silence.
  timeline.after(quietMs, () => undefined);
  await timeline.run(quiet, fromMs + boundMs + quietMs);
  return quiet() ? Math.max(0, watch.lastChangeMs - fromMs) : undefined;
}

export async function prepare(cloud: SimCloud, { before, processes = 1 }: Scenario): Promise<void> {
  for (let at = 0; at < processes; at += 1) cloud.start();
  const user = userOf(cloud);
  const make = async (): Promise<void> => {
    for (const declaration of before) await user.create(declaration);
    for (const { kind, name } of before) await user.until(kind, name, isReady);
  };
  if (!(await runUntilEnded(cloud, make(), PREPARED.storyMs))) throw new Error('the world before the story did not become Ready');
  if ((await settle(cloud, PREPARED.boundMs, PREPARED.quietMs)) === undefined) throw new Error('the world before the story did not settle');
}

/** Whoever dies is followed by another a second later, while fewer than `wanted` live. */
function reviveAfter(cloud: SimCloud, process: SimProcess, wanted: number): void {
  process.onDeath(() => {
    cloud.timeline.after(RETURNS_MS, () => {
      const alive = cloud.processes.filter((one) => one.alive).length;
      if (alive < wanted) reviveAfter(cloud, cloud.start(), wanted);
    });
  });
}

function namedCounts(cloud: SimCloud, names: ReadonlyMap<string, string>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [what, count] of cloud.watch.counts) {
    const name = what.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/, (uid) => names.get(uid) ?? 'somebody gone');
    counts[name] = (counts[name] ?? 0) + count;
  }
  return counts;
}

async function judge(cloud: SimCloud, settledMs: number | undefined, { boundMs }: Limits): Promise<Outcome> {
  const { watch, trace, timeline, store, sim, user } = cloud;
  const end = await endStateOf(store, sim, user.signal);
  const restless = settledMs === undefined ? [`not quiet ${boundMs / 1000} s after the last fault: ${watch.lastChange}`] : [];
  return {
    violations: [...watch.violations, ...restless, ...end.leaked.map((thing) => `leaked: ${thing}`)],
    hash: trace.hash(),
    lines: trace.length,
    tail: trace.last(TAIL),
    end,
    counts: namedCounts(cloud, end.names),
    simulatedMs: timeline.now(),
    settledMs: settledMs ?? boundMs,
    lastChangeMs: watch.lastChangeMs,
  };
}

/** Plays a scenario with trouble, and judges what it came to. */
export async function play(scenario: Scenario, seed: number, trouble: Trouble, limits = WIDE): Promise<Outcome> {
  const cloud = await openSimCloud(seed, scenario.servers);
  try {
    await prepare(cloud, scenario);
    for (const process of cloud.processes) reviveAfter(cloud, process, scenario.processes ?? 1);
    cloud.trace.add('the story begins');
    cloud.suffer(trouble.begin(cloud));
    const inTime = await runUntilEnded(cloud, scenario.story(userOf(cloud), cloud), limits.storyMs);
    if (!inTime) cloud.watch.violations.push('the story did not come to its end');
    if (trouble.end !== undefined) await runUntilEnded(cloud, trouble.end(cloud), WIDE.storyMs);
    return await judge(cloud, await settle(cloud, limits.boundMs, limits.quietMs), limits);
  } finally {
    await cloud.close();
  }
}
