import { callCounts, effectsAfter, journalTail } from '../../drivers/sim/journal.ts';
import { realClock } from '../programs/clock.ts';
import { createRandom } from '../simulation/random.ts';
import { startChaosCloud, type ChaosCloud } from './cloud.ts';
import { answered, declare, declaredZones, hopeless, namespaces } from './declared.ts';
import { leaks, untrue } from './end.ts';
import { makeWhole, playFaults } from './faults.ts';
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
const REFUSED = /STALE_EPOCH/;

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
  for (const declaration of [...namespaces, ...declaredZones(cloud, options.podsPerZone)]) await declare(cloud.clients, declaration, signal);
  const untilMs = realClock.monotonic() + options.boundSeconds * 1000;
  while (untrue(watch.objects()).length > 0) {
    if (realClock.monotonic() > untilMs) throw new Error(`before any fault: ${untrue(watch.objects()).slice(0, 5).join('\n')}`);
    await sleep(LOOK_MS, signal);
  }
  for (const declaration of hopeless(ZONES[0] ?? '')) await declare(cloud.clients, declaration, signal);
  tell('all zones, hosts and pools are Ready');
}

/** Users and faults, at once; resolves when both are over and everything is whole. */
async function play({ cloud, options, watch, tell }: Run, signal: AbortSignal): Promise<{ readonly faults: number; readonly deeds: number }> {
  const { seed, seconds, vms, calmMs, pauses } = options;
  let goesOn = true;
  const users = playUsers({ clients: cloud.clients, zones: ZONES, seed, vms, goesOn: () => goesOn }, tell, signal);
  const over = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  const leaseMs = options.leaseSeconds * 1000;
  const random = createRandom(seed);
  try {
    const faults =
      pauses > 0
        ? await playPauses(cloud, watch, { random, leaseMs, pauses, zones: ZONES }, tell, signal)
        : await playFaults(cloud, { random, leaseMs, calmMs, atOnce: 3 }, tell, over);
    goesOn = false;
    return { faults, deeds: await users };
  } finally {
    goesOn = false;
    await users;
  }
}

/** Waits until every object is as declared, or says truly why not, and the worlds are as the objects say; how long that took. */
async function settle(run: Run, signal: AbortSignal): Promise<number> {
  const { cloud, watch, options } = run;
  const fromMs = realClock.monotonic();
  for (;;) {
    const worlds = cloud.drivers.map(({ world }) => world);
    const amiss = [...untrue(watch.objects()), ...leaks(watch.objects(), worlds, realClock.now())];
    const tookMs = realClock.monotonic() - fromMs;
    if (amiss.length === 0) return tookMs;
    if (tookMs > options.boundSeconds * 1000) {
      for (const sentence of amiss.slice(0, SHOWN)) violate(run, realClock.now(), `${options.boundSeconds} s after the last fault: ${sentence}`);
      return tookMs;
    }
    await sleep(LOOK_MS, signal);
  }
}

/** What can never be Ready goes; then nothing differs. */
async function compare(run: Run, signal: AbortSignal): Promise<void> {
  const { cloud, options } = run;
  for (const { kind, name, namespace = '' } of hopeless(''))
    await answered(cloud.clients, (client) => client.delete(kind, { namespace, name }, signal), signal);
  await settle(run, signal);
  const { code, stdout, stderr } = await cloud.cloudctl('diff', '--all');
  if (code !== 0 || stdout !== '') violate(run, realClock.now(), `cloudctl diff --all tells ${stdout}${stderr} (seed ${options.seed})`);
}

/** Looks for as long as nothing may change whether anything does. */
async function keepQuiet(run: Run, signal: AbortSignal): Promise<void> {
  const { cloud, watch, options } = run;
  const calls = (): string => JSON.stringify(cloud.drivers.map(({ world }) => callCounts(world)));
  await watch.caughtUp(signal);
  const before = { writes: watch.writes(), calls: calls() };
  await sleep(options.quietSeconds * 1000, signal);
  await watch.caughtUp(signal);
  const written = watch.writes() - before.writes;
  if (written > 0) violate(run, realClock.now(), `${written} writes in ${options.quietSeconds} quiet s: ${watch.latestWrites().slice(-written).join(', ')}`);
  if (calls() !== before.calls) violate(run, realClock.now(), `driver calls in quiet time: ${before.calls} became ${calls()}`);
}

function judgeProcesses(run: Run): void {
  for (const { name, deaths, output } of [...run.cloud.controllers, ...run.cloud.servers])
    if (deaths() > 0) violate(run, realClock.now(), `${name} ended by itself:\n${output().slice(-2_000)}`);
}

function reportOf({ violations, watch, cloud }: Run, played: { readonly faults: number; readonly deeds: number }, settledMs: number): ChaosReport {
  const refused = cloud.drivers.flatMap(({ world }) => journalTail(world, 10_000)).filter(({ outcome }) => REFUSED.test(outcome));
  return {
    violations,
    ...played,
    terms: watch.terms(),
    refused: refused.length,
    effects: Object.fromEntries([...watch.judge.counts].toSorted()),
    settledSeconds: Math.round(settledMs / 100) / 10,
  };
}

async function playAll(run: Run, signal: AbortSignal): Promise<ChaosReport> {
  const { watch, cloud } = run;
  let goesOn = true;
  await declareCloud(run, signal);
  const telling = tellViolations(run, () => goesOn, signal);
  const played = await play(run, signal);
  await makeWhole(cloud);
  run.tell('the last fault is over');
  const settledMs = await settle(run, signal);
  run.tell(`settled after ${(settledMs / 1000).toFixed(1)} s`);
  await compare(run, signal);
  await keepQuiet(run, signal);
  await watch.caughtUp(signal);
  goesOn = false;
  await telling;
  judgeProcesses(run);
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
