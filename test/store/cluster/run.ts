import { coverageOf, unionOf, type History } from './history.ts';
import { judgeOperations } from './judge-operations.ts';
import { judgeWatches } from './judge-watches.ts';
import { randomOf, recordLoad } from './load.ts';
import { startCluster } from './members.ts';
import { playNemeses } from './nemeses.ts';
import { startApiServer, type ApiServer } from './server.ts';

/** What one run found, and of how much it found it. */
export interface RunReport {
  readonly violations: readonly string[];
  /** How often each fault was played. */
  readonly faults: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  /** Acknowledged writes in each second: of half of the seconds at least so many, and of the best one. */
  readonly median: number;
  readonly best: number;
  readonly refused: number;
  readonly unserved: number;
  readonly unknown: number;
  readonly reads: number;
  readonly watches: number;
  readonly changes: number;
  /** Stretches of history that no watch told: after a compaction that overtook the server. */
  readonly gaps: number;
}

export interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly writesPerSecond: number;
  /** API servers on the one cluster. */
  readonly servers: number;
  /** Time between two faults. */
  readonly calmMs: number;
}

const FEWEST = { keys: 30, workers: 32 };

/** One run of faults under load, on a cluster of its own: all that was seen of it. */
export async function runCluster({ seed, seconds, writesPerSecond, servers, calmMs }: RunOptions, signal: AbortSignal): Promise<History> {
  const random = randomOf(seed);
  const cluster = await startCluster();
  const started: ApiServer[] = [];
  try {
    for (let at = 0; at < servers; at += 1) {
      // Each prefers another member, so that one is cut off while the other is not.
      const endpoints = [...cluster.endpoints.slice(at), ...cluster.endpoints.slice(0, at)];
      started.push(await startApiServer('--store', 'etcd', '--etcd', endpoints.join(',')));
    }
    const load = {
      transports: started.map(({ transport }) => transport),
      random,
      // So many that most writes meet nobody, and so few that some do.
      keys: Math.max(FEWEST.keys, writesPerSecond),
      workers: Math.max(FEWEST.workers, Math.round(writesPerSecond / 4)),
      writesPerSecond,
      seconds,
    };
    return await recordLoad(load, (told, until) => playNemeses(cluster, { random, calmMs }, told, until), signal);
  } finally {
    await Promise.all(started.map((server) => server.end()));
    await cluster.end();
  }
}

/** What the judges say of a run, and its figures. */
export function judge(history: History): RunReport {
  const writes = history.operations.filter((operation) => operation.do !== 'get');
  const of = (...kinds: readonly string[]): typeof writes => writes.filter(({ outcome }) => kinds.includes(outcome.is));
  const acknowledged = of('done', 'removed');
  const seconds = Object.values(Object.groupBy(acknowledged, ({ endedMs }) => Math.floor(endedMs / 1000)))
    .map((each) => each?.length ?? 0)
    .toSorted((a, b) => b - a);
  return {
    violations: [...judgeWatches(history), ...judgeOperations(history)],
    faults: Object.fromEntries([...Map.groupBy(history.faults, ({ name }) => name)].map(([name, each]) => [name, each.length])),
    acknowledged: acknowledged.length,
    median: seconds[Math.floor(seconds.length / 2)] ?? 0,
    best: seconds[0] ?? 0,
    refused: of('refused').length,
    unserved: of('unserved').length,
    unknown: of('unknown').length,
    reads: history.operations.length - writes.length,
    watches: history.watches.length,
    changes: unionOf(history.watches).length,
    gaps: coverageOf(history.watches).length - 1,
  };
}
