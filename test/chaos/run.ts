import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callCounts, effectsAfter, journalTail } from '../../drivers/sim/journal.ts';
import { realClock } from '../programs/clock.ts';
import { createRandom } from '../simulation/random.ts';
import { startChaosCloud, type ChaosCloud } from './cloud.ts';
import { answered, declare, declaredZones, hopeless, namespaces } from './declared.ts';
import { leaks, untrue } from './end.ts';
import { playFaults } from './faults.ts';
import { playPauses } from './pauses.ts';
import { playUsers } from './users.ts';
import { watchCloud, type Watch } from './watch.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** For how long faults come. */
  readonly seconds: number;
  /** Pauses of leaders instead of all faults; 0: none. */
  readonly pauses: number;
  readonly podsPerZone: number;
  /** VMs that users keep up. */
  readonly vms: number;
  readonly leaseSeconds: number;
  /** Within so many seconds after the last fault all must be settled. */
  readonly boundSeconds: number;
  /** For so many seconds nothing may change then. */
  readonly quietSeconds: number;
  /** Time between two faults, at most. */
  readonly calmMs: number;
  /** A folder for what the processes of a run print that finds something; nothing is kept where it is not given. */
  readonly logs?: string;
}

/** What a run came to. */
export interface ChaosReport {
  /** Sentences about what must not be and is; each with its time since the run began, and the last that the journal tells of it. */
  readonly violations: readonly string[];
  readonly faults: number;
  readonly deeds: number;
  /** How often the leader of a shard changed. */
  readonly terms: number;
  /** Calls that drivers refused because of their epoch. */
  readonly refused: number;
  readonly effects: Readonly<Record<string, number>>;
  readonly settledSeconds: number;
}

/** One run's state. */
interface Run {
  readonly options: ChaosOptions;
  readonly cloud: ChaosCloud;
  readonly watch: Watch;
  readonly beganMs: number;
  readonly tell: (sentence: string) => void;
  readonly violations: string[];
}

const ZONES = ['zone-1', 'zone-2'];
const SHOWN = 12;
const LOOK_MS = 1_000;
/** Long enough for what was deleted to be gone. */
const CALM_SECONDS = 2;

const sleep = (ms: number, signal: AbortSignal): Promise<void> => realClock.sleep(ms, signal);

/** The last that the journals tell of one machine, disk or shard. */
function lastLines({ drivers }: ChaosCloud, uid: string): readonly string[] {
  return drivers.flatMap(({ world }) => {
    const effects = effectsAfter(world, 0, 100_000)
      .filter((effect) => effect.uid === uid)
      .map(({ seq, atMs, place, call, fence, doc }) => {
        const { active, stop } = (doc ?? {}) as { readonly active?: object; readonly stop?: object };
        const state = doc === undefined ? 'gone' : active === undefined ? 'stands' : stop === undefined ? 'runs' : 'stops';
        const by = fence === undefined ? '' : ` epoch ${fence.epoch} generation ${fence.generation} placement ${fence.placementEpoch}`;
        return { atMs, line: `effect ${seq} on ${place}: ${state} after ${call}${by}` };
      });
    const calls = journalTail(world, 10_000)
      .filter((entry) => entry.uid === uid)
      .map(({ atMs, call, endpoint, outcome }) => ({ atMs, line: `call ${call} on ${endpoint}: ${outcome}` }));
    return [...effects, ...calls]
      .toSorted((one, other) => one.atMs - other.atMs)
      .slice(-SHOWN)
      .map(({ atMs, line }) => `  ${new Date(atMs).toISOString()} ${line}`);
  });
}

function violate({ violations, tell, beganMs, options, cloud }: Run, atMs: number, says: string, uid?: string): void {
  const sentence = `seed ${options.seed}, ${((atMs - beganMs) / 1000).toFixed(1)} s: ${says}`;
  const lines = uid === undefined ? [] : lastLines(cloud, uid);
  violations.push([sentence, ...lines].join('\n'));
  tell(`VIOLATION ${[sentence, ...lines].join('\n')}`);
}

/** Tells of what the judge finds as soon as it does. */
async function tellViolations(run: Run, goesOn: () => boolean, signal: AbortSignal): Promise<void> {
  let told = 0;
  const { judge } = run.watch;
  for (;;) {
    const last = !goesOn();
    for (const { atMs, uid, says } of judge.violations.slice(told)) violate(run, atMs, says, uid);
    told = judge.violations.length;
    if (last) return;
    await sleep(LOOK_MS, signal);
  }
}

async function declareCloud({ cloud, options, watch, tell }: Run, signal: AbortSignal): Promise<void> {
  for (const declaration of [...namespaces, ...declaredZones(cloud, options.podsPerZone)])
    await declare(cloud.clients, declaration, signal);
  const untilMs = realClock.monotonic() + options.boundSeconds * 1000;
  while (untrue(watch.objects()).length > 0) {
    if (realClock.monotonic() > untilMs) throw new Error(`before any fault: ${untrue(watch.objects()).slice(0, 5).join('\n')}`);
    await sleep(LOOK_MS, signal);
  }
  for (const declaration of hopeless(ZONES[0] ?? '')) await declare(cloud.clients, declaration, signal);
  tell('all zones, hosts and pools are Ready');
}

interface Played {
  readonly faults: number;
  readonly deeds: number;
  /** Since when everything is whole, by the monotonic clock. */
  readonly wholeMs: number;
}

/** Users and faults, at once; resolves when both are over and everything is whole. */
async function play({ cloud, options, watch, tell }: Run, signal: AbortSignal): Promise<Played> {
  const { seed, seconds, vms, calmMs, pauses } = options;
  let goesOn = true;
  const over = pauses > 0 ? signal : AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  const users = playUsers({ clients: cloud.clients, zones: ZONES, seed, vms, goesOn: () => goesOn && !over.aborted }, tell, signal);
  const leaseMs = options.leaseSeconds * 1000;
  const random = createRandom(seed);
  try {
    const faults =
      pauses > 0
        ? await playPauses(cloud, watch, { random, leaseMs, pauses, zones: ZONES }, tell, signal)
        : await playFaults(cloud, { random, leaseMs, calmMs, atOnce: 3 }, tell, over);
    const wholeMs = realClock.monotonic();
    goesOn = false;
    return { faults, deeds: await users, wholeMs };
  } finally {
    goesOn = false;
    await users;
  }
}

/** What is not as declared, or not truly said, of objects and of the worlds. */
async function amissNow({ cloud, watch }: Run, signal: AbortSignal): Promise<readonly string[]> {
  await watch.caughtUp(signal);
  const worlds = cloud.drivers.map(({ world }) => world);
  return [...untrue(watch.objects()), ...leaks(watch.objects(), worlds, realClock.now())];
}

/**
 * Waits until every object is as declared, or says truly why not, the worlds are as the objects say, and for so many seconds nothing was
 * written but Leases and no driver was told to change anything. Resolves with how long it took until those seconds began.
 */
async function settle(run: Run, { fromMs, calmSeconds }: { fromMs: number; calmSeconds: number }, signal: AbortSignal): Promise<number> {
  const { cloud, watch, options } = run;
  const changes = (): string => JSON.stringify([watch.writes(), ...cloud.drivers.map(({ world }) => callCounts(world))]);
  let [sinceMs, seen] = [realClock.monotonic(), ''];
  for (;;) {
    const amiss = await amissNow(run, signal);
    const [nowMs, now] = [realClock.monotonic(), changes()];
    if (amiss.length > 0 || now !== seen) {
      [sinceMs, seen] = [nowMs, now];
      run.tell(`not settled: ${amiss.length} are not as declared, ${amiss[0] ?? ''}; last of all, ${watch.latestWrites().at(-1) ?? ''}`);
    }
    if (nowMs - sinceMs >= calmSeconds * 1000) return sinceMs - fromMs;
    if (sinceMs - fromMs > options.boundSeconds * 1000) {
      const busy = [`it is not quiet: ${watch.latestWrites().join(', ')}; driver calls ${now}`];
      for (const sentence of amiss.length > 0 ? amiss.slice(0, SHOWN) : busy)
        violate(run, realClock.now(), `${options.boundSeconds} s after the last fault: ${sentence}`);
      return sinceMs - fromMs;
    }
    await sleep(LOOK_MS, signal);
  }
}

/** What can never be Ready goes; then nothing differs. */
async function compare(run: Run, signal: AbortSignal): Promise<void> {
  const { cloud } = run;
  for (const { kind, name, namespace = '' } of hopeless(''))
    await answered(cloud.clients, (client) => client.delete(kind, { namespace, name }, signal), signal);
  await settle(run, { fromMs: realClock.monotonic(), calmSeconds: CALM_SECONDS }, signal);
  const { code, stdout, stderr } = await cloud.cloudctl('diff', '--all');
  if (code !== 0 || stdout !== '') violate(run, realClock.now(), `cloudctl diff --all tells ${stdout}${stderr}`);
}

function judgeProcesses(run: Run): void {
  for (const { name, deaths, output } of [...run.cloud.controllers, ...run.cloud.servers])
    if (deaths() > 0) violate(run, realClock.now(), `${name} ended by itself:\n${output().slice(-2_000)}`);
}

/** Keeps what the processes have printed, a file each. */
async function keepLogs({ cloud, options, tell }: Run): Promise<void> {
  if (options.logs === undefined) return;
  const folder = join(options.logs, `seed-${options.seed}`);
  await mkdir(folder, { recursive: true });
  for (const { name, output } of [...cloud.controllers, ...cloud.servers, ...cloud.drivers])
    await writeFile(join(folder, `${name.replaceAll(' ', '-')}.log`), output());
  tell(`what the processes have printed is in ${folder}`);
}

function reportOf({ violations, watch, cloud }: Run, { faults, deeds }: Played, settledMs: number): ChaosReport {
  const refused = cloud.drivers.flatMap(({ world }) => journalTail(world, 10_000)).filter(({ outcome }) => outcome.includes('STALE_EPOCH'));
  return {
    violations,
    faults,
    deeds,
    terms: watch.terms(),
    refused: refused.length,
    effects: Object.fromEntries([...watch.judge.counts].toSorted()),
    settledSeconds: Math.round(settledMs / 100) / 10,
  };
}

async function playAll(run: Run, signal: AbortSignal): Promise<ChaosReport> {
  const { watch } = run;
  let goesOn = true;
  await declareCloud(run, signal);
  const telling = tellViolations(run, () => goesOn, signal);
  // Where the run ends early, this has nothing more to tell.
  telling.catch(() => undefined);
  const played = await play(run, signal);
  run.tell('the last fault and the last deed are over');
  const settledMs = await settle(run, { fromMs: played.wholeMs, calmSeconds: run.options.quietSeconds }, signal);
  run.tell(`settled after ${(settledMs / 1000).toFixed(1)} s, and quiet for ${run.options.quietSeconds} s`);
  await compare(run, signal);
  await watch.caughtUp(signal);
  goesOn = false;
  await telling;
  judgeProcesses(run);
  if (run.violations.length > 0) await keepLogs(run);
  return reportOf(run, played, settledMs);
}

/** Starts a cloud of real processes, lets users and faults at it, and judges it while it runs and at its end. */
export async function runChaos(options: ChaosOptions, tell: (sentence: string) => void, signal: AbortSignal): Promise<ChaosReport> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const beganMs = realClock.now();
  const say = (sentence: string): void => {
    tell(`${((realClock.now() - beganMs) / 1000).toFixed(1)} s: ${sentence}`);
  };
  const cloud = await startChaosCloud({ controllers: 3, servers: 2, zones: ZONES, leaseSeconds: options.leaseSeconds }, both);
  try {
    const watch = await watchCloud(cloud, both);
    const run: Run = { options, cloud, watch, beganMs, tell: say, violations: [] };
    return await Promise.race([playAll(run, both), watch.ended.then(() => Promise.reject(new Error('the watch of the store has ended')))]);
  } finally {
    ending.abort(new Error('the run is over'));
    await cloud.end();
  }
}
