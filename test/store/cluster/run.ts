import { coverageOf, unionOf, type History } from './history.ts';
import { judgeOperations } from './judge-operations.ts';
import { judgeWatches } from './judge-watches.ts';
import { randomOf, recordLoad } from './load.ts';
import { startCluster } from './members.ts';
import { playNemeses } from './nemeses.ts';
import { startApiServer } from './server.ts';

/** What one run found, and of how much it found it. */
export interface RunReport {
  readonly violations: readonly string[];
  /** How often each fault was played. */
  readonly faults: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  readonly refused: number;
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
}

/** One run of faults under load, on a cluster of its own, judged. */
export async function runCluster({ seed, seconds, writesPerSecond }: RunOptions, signal: AbortSignal): Promise<RunReport> {
  const random = randomOf(seed);
  const faults: Record<string, number> = {};
  const told = (name: string): void => {
    faults[name] = (faults[name] ?? 0) + 1;
  };
  const cluster = await startCluster();
  try {
    const server = await startApiServer('--store', 'etcd', '--etcd', cluster.endpoints.join(','));
    try {
      const load = { transports: [server.transport], random, keys: 30, workers: 16, writesPerSecond, seconds };
      const history = await recordLoad(load, (until) => playNemeses(cluster, random, told, until), signal);
      return { ...judged(history), faults };
    } finally {
      await server.end();
    }
  } finally {
    await cluster.end();
  }
}

function judged(history: History): Omit<RunReport, 'faults'> {
  const writes = history.operations.filter((operation) => operation.do !== 'get');
  const count = (...kinds: readonly string[]): number => writes.filter(({ outcome }) => kinds.includes(outcome.is)).length;
  return {
    violations: [...judgeWatches(history), ...judgeOperations(history)],
    acknowledged: count('done', 'removed'),
    refused: count('refused', 'unserved'),
    unknown: count('unknown'),
    reads: history.operations.length - writes.length,
    watches: history.watches.length,
    changes: unionOf(history.watches).length,
    gaps: coverageOf(history.watches).length - 1,
  };
}
