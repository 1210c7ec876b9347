import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './history.ts';
import type { Random } from './load.ts';
import type { Cluster } from './members.ts';

const MEMBERS = 3;
const COMPACT_EVERY = 100n;

/** One fault: done to a member, left so for a while, and undone. */
interface Nemesis {
  readonly name: string;
  readonly target: 'leader' | 'any';
  readonly ms: number;
  readonly harm: (cluster: Cluster, member: number) => Promise<void> | void;
  readonly heal?: (cluster: Cluster, member: number) => Promise<void> | void;
}

/** Hears of each fault when it is over. */
type Told = (fault: Fault) => void;

const NEMESES: readonly Nemesis[] = [
  { name: 'leader killed', target: 'leader', ms: 2000, harm: (cluster, at) => cluster.kill(at), heal: (cluster, at) => cluster.start(at) },
  {
    name: 'leader stopped',
    target: 'leader',
    ms: 5000,
    harm: (cluster, at) => cluster.pause(at),
    heal: (cluster, at) => cluster.resume(at),
  },
  {
    name: 'leader partitioned',
    target: 'leader',
    ms: 4000,
    harm: (cluster, at) => cluster.setConnected(at, false),
    heal: (cluster, at) => cluster.setConnected(at, true),
  },
  {
    name: 'member partitioned',
    target: 'any',
    ms: 5000,
    harm: (cluster, at) => cluster.setConnected(at, false),
    heal: (cluster, at) => cluster.setConnected(at, true),
  },
  { name: 'member restarted', target: 'any', ms: 200, harm: (cluster, at) => cluster.kill(at), heal: (cluster, at) => cluster.start(at) },
  { name: 'member defragmented', target: 'any', ms: 0, harm: (cluster, at) => cluster.defragment(at) },
];

/** Plays faults in a random order, each as often as the others, until the signal aborts; heals before it returns. Between two it is calm. */
export async function playNemeses(
  cluster: Cluster,
  { random, calmMs }: { readonly random: Random; readonly calmMs: number },
  told: Told,
  signal: AbortSignal,
): Promise<void> {
  const compacting = compactOften(cluster, told, signal);
  let rest: readonly Nemesis[] = [];
  while (!signal.aborted) {
    if (rest.length === 0)
      rest = NEMESES.map((nemesis) => ({ nemesis, at: random() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ nemesis }) => nemesis);
    const [nemesis, ...others] = rest;
    rest = others;
    if (nemesis !== undefined) await play(cluster, nemesis, random, told, signal);
    await calm(calmMs, signal);
  }
  await compacting;
}

async function play(cluster: Cluster, nemesis: Nemesis, random: Random, told: Told, signal: AbortSignal): Promise<void> {
  const member = nemesis.target === 'leader' ? await cluster.leader() : Math.floor(random() * MEMBERS);
  const startedMs = performance.now();
  await nemesis.harm(cluster, member);
  await calm(nemesis.ms, signal);
  await nemesis.heal?.(cluster, member);
  told({ name: nemesis.name, startedMs, endedMs: performance.now() });
}

async function compactOften(cluster: Cluster, told: Told, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Without a leader there is nobody to compact; the next attempt comes soon.
    const startedMs = performance.now();
    if (await cluster.compact(COMPACT_EVERY).catch(() => false)) told({ name: 'compacted', startedMs, endedMs: performance.now() });
    await calm(200, signal);
  }
}

function calm(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => undefined);
}
