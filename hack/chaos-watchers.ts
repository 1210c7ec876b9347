import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { residentBytes } from '../test/cloud.ts';
import { startTestEtcd } from '../test/programs/etcd.ts';
import { unionOf } from '../test/store/cluster/history.ts';
import { randomOf, recordLoad, type Disturb } from '../test/store/cluster/load.ts';
import { attempt } from '../test/store/cluster/recorder.ts';
import { startApiServer, type ApiServer } from '../test/store/cluster/server.ts';
import { allReached, compactEverySecond, resumeAnywhere, startFollower, type Follower } from '../test/store/cluster/watchers.ts';

// Many watchers with a compaction every second, then a restart storm: kill -9 of the server under all of them. Ends with 1 where they differ.
const { values } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '300' },
    writes: { type: 'string', default: '5' },
    resumes: { type: 'string', default: '10000' },
    objects: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const WRITERS = 64;
const RESUMED_MS = 30_000;
const PEAK_RATIO = 1.5;
const stop = new AbortController();
const random = randomOf(Number(values.seed));
const etcd = await startTestEtcd();
const server = await startApiServer('--store', 'etcd', '--etcd', etcd.endpoint);

/** Whether all followers hold the same, and heard it in order. */
function agreement(followers: readonly Follower[]): { readonly digests: number; readonly disorder: number } {
  return {
    digests: new Set(followers.map((each) => each.digest())).size,
    disorder: followers.reduce((sum, { faults }) => sum + faults.length, 0),
  };
}

/** Runs `use` with so many followers, of which all have ended when this resolves. */
async function withFollowers(after: bigint | undefined, use: (followers: readonly Follower[]) => Promise<boolean>): Promise<boolean> {
  const enough = new AbortController();
  const signal = AbortSignal.any([stop.signal, enough.signal]);
  const followers = Array.from({ length: Number(values.watchers) }, () => startFollower(server.transport, signal, after));
  try {
    return await use(followers);
  } finally {
    enough.abort();
    await Promise.all(followers.map(({ ended }) => ended));
  }
}

async function compactionStorm(followers: readonly Follower[]): Promise<boolean> {
  let compactions = 0;
  const load = {
    transports: [server.transport],
    random,
    keys: 30,
    workers: 4,
    writesPerSecond: Number(values.writes),
    seconds: Number(values.seconds),
  };
  const disturb: Disturb = async (_, until) => {
    compactions = await compactEverySecond(etcd.endpoint, until);
  };
  const changes = unionOf((await recordLoad(load, disturb, stop.signal)).watches);
  const resumes = await resumeAnywhere(server.transport, changes, { count: Number(values.resumes), random }, stop.signal);
  await allReached(server.transport, followers, stop.signal);
  const result = { ...agreement(followers), compactions, changes: changes.length, exact: resumes.exact, expired: resumes.expired };
  console.log('compaction every second:', JSON.stringify({ ...result, wrong: resumes.wrong.length }));
  return result.digests === 1 && result.disorder === 0 && resumes.wrong.length === 0;
}

/** Makes so many objects; answers the version of the last. */
async function fill(objects: number): Promise<bigint> {
  let [made, newest] = [0, 0n];
  const worker = async (): Promise<void> => {
    while (made < objects) {
      const key = `object-${String(made++)}`;
      const { outcome } = await attempt(server.transport, { key, do: 'create', value: key }, stop.signal);
      if (outcome.is !== 'done') throw new Error(`${key} was not made: ${outcome.is}`);
      if (outcome.version > newest) newest = outcome.version;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
  return newest;
}

/** The greatest resident memory until the signal aborts, in bytes. */
async function peakMemory(of: ApiServer, signal: AbortSignal): Promise<number> {
  let peak = 0;
  while (!signal.aborted) {
    peak = Math.max(peak, await residentBytes(of.pid()));
    await delay(100, undefined, { signal }).catch(() => undefined);
  }
  return peak;
}

async function restartStorm(followers: readonly Follower[]): Promise<boolean> {
  await allReached(server.transport, followers, stop.signal);
  // The steady state is that of a server that has served them for a while.
  await delay(10_000);
  const steady = await residentBytes(server.pid());
  await server.kill();
  const measured = new AbortController();
  const peak = peakMemory(server, measured.signal);
  const startedMs = performance.now();
  await server.start();
  const servingMs = performance.now() - startedMs;
  await allReached(server.transport, followers, stop.signal);
  const resumedMs = performance.now() - startedMs;
  await delay(5000);
  measured.abort();
  const ratio = (await peak) / steady;
  const lists = followers.reduce((sum, each) => sum + each.lists(), 0);
  const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
  const result = { ...agreement(followers), lists, servingMs: Math.round(servingMs), resumedMs: Math.round(resumedMs) };
  const memory = { steadyMiB: mebibytes(steady), peakMiB: mebibytes(await peak), ratio: Math.round(ratio * 100) / 100 };
  console.log('restart storm:', JSON.stringify({ ...result, ...memory }));
  return result.digests === 1 && result.disorder === 0 && lists === 0 && resumedMs <= RESUMED_MS && ratio <= PEAK_RATIO;
}

try {
  const compacted = await withFollowers(undefined, compactionStorm);
  // Nobody watches meanwhile: a hundred thousand changes for a thousand watchers would be a load of their own.
  const newest = await fill(Number(values.objects));
  const restarted = await withFollowers(newest, restartStorm);
  process.exitCode = compacted && restarted ? 0 : 1;
} finally {
  stop.abort();
  await server.end();
  await etcd.end();
}
