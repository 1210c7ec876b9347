import { setTimeout as delay } from 'node:timers/promises';
import { startTestEtcd, type TestEtcd } from '../../programs/etcd.ts';
import type { History } from './history.ts';
import { judgeOperations } from './judge-operations.ts';
import { judgeWatches } from './judge-watches.ts';
import { createLedger } from './ledger.ts';
import { randomOf, recordLoad, type Random } from './load.ts';
import { snapshot } from './recorder.ts';
import { startApiServer, type ApiServer } from './server.ts';

export interface DurabilityOptions {
  readonly store: 'sqlite' | 'etcd';
  readonly rounds: number;
  readonly seed: number;
}

/** What rounds of kill -9 found, and of how much they found it. */
export interface DurabilityReport {
  readonly violations: readonly string[];
  /** How often each was killed. */
  readonly kills: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  readonly unknown: number;
  /** Writes of what was no longer so. */
  readonly refused: number;
  /** Writes that nobody was there for. */
  readonly unserved: number;
  /** Watches that went on where they were, over a kill. */
  readonly resumed: number;
  /** Watches that were told to list again. */
  readonly expired: number;
  readonly objects: number;
}

/** Long enough for every writer to be busy, so that each kill comes into the middle of batches. */
const LOAD_MS = { least: 150, most: 800 };
const LOAD = { keys: 64, workers: 64, writesPerSecond: 3000 };

/** What there is to kill. */
interface Victims {
  readonly server: ApiServer;
  /** Absent where the store is in the server. */
  readonly etcd: TestEtcd | undefined;
}

/** Kills the server, the store or both with kill -9 under load, again and again on the same data, and judges each time what is left. */
export async function runDurability(options: DurabilityOptions, signal: AbortSignal): Promise<DurabilityReport> {
  const etcd = options.store === 'etcd' ? await startTestEtcd() : undefined;
  try {
    const server = await startApiServer('--store', options.store, ...(etcd === undefined ? [] : ['--etcd', etcd.endpoint]));
    try {
      return await killAgain({ server, etcd }, options, signal);
    } finally {
      await server.end();
    }
  } finally {
    await etcd?.end();
  }
}

async function killAgain(victims: Victims, { rounds, seed }: DurabilityOptions, signal: AbortSignal): Promise<DurabilityReport> {
  const ledger = createLedger();
  const kills: Record<string, number> = {};
  const violations: string[] = [];
  const sum = { acknowledged: 0, unknown: 0, refused: 0, unserved: 0, resumed: 0, expired: 0 };
  let objects = 0;
  for (let round = 0; round < rounds; round += 1) {
    const random = randomOf(seed * 1000 + round);
    const atMs = Math.round(LOAD_MS.least + random() * (LOAD_MS.most - LOAD_MS.least));
    const kill = chooseKill(victims, random);
    kills[kill.name] = (kills[kill.name] ?? 0) + 1;
    // Keys of its own, so that each history begins with nothing; what was left of earlier rounds is judged again.
    const load = { ...LOAD, transports: [victims.server.transport], random, name: `r${String(round)}`, seconds: (atMs + 100) / 1000 };
    const disturb = async (): Promise<void> => {
      await delay(atMs);
      await kill.play();
    };
    const history = await recordLoad(load, disturb, signal);
    // After everything else, so that all that was acknowledged must be in it.
    const left = await snapshot(victims.server.transport, signal);
    const found = [...judgeWatches(history), ...judgeOperations(history), ...ledger.add(history), ...ledger.judge(left)];
    violations.push(...found.map((text) => `round ${String(round)}, killed ${kill.name}: ${text}`));
    for (const [name, count] of Object.entries(countsOf(history))) sum[name as keyof typeof sum] += count;
    objects = left.objects.size;
  }
  return { violations, kills, ...sum, objects };
}

type Counts = Pick<DurabilityReport, 'acknowledged' | 'unknown' | 'refused' | 'unserved' | 'resumed' | 'expired'>;

function countsOf({ operations, watches, snapshots }: History): Counts {
  const writes = operations.filter((operation) => operation.do !== 'get');
  const count = (...kinds: readonly string[]): number => writes.filter(({ outcome }) => kinds.includes(outcome.is)).length;
  const listed = new Set(snapshots.map(({ version }) => version));
  return {
    acknowledged: count('done', 'removed'),
    unknown: count('unknown'),
    refused: count('refused'),
    unserved: count('unserved'),
    resumed: watches.filter(({ after, lines }) => lines.length > 0 && !listed.has(after)).length,
    // Every list but the first and the last is that of a watch that was told to.
    expired: snapshots.length - 2,
  };
}

interface Kill {
  readonly name: string;
  /** Kills, and starts again what was killed. */
  play(): Promise<void>;
}

function chooseKill({ server, etcd }: Victims, random: Random): Kill {
  const kills: Kill[] = [
    { name: 'server', play: () => restartServer(server) },
    { name: 'server, and again while it started', play: () => killTwice(server, 50 + random() * 300) },
  ];
  if (etcd !== undefined) {
    const restartEtcd = async (): Promise<void> => {
      await etcd.kill();
      await etcd.start();
    };
    const both = async (): Promise<void> => {
      await Promise.all([server.kill(), etcd.kill()]);
      await etcd.start();
      await server.start();
    };
    kills.push({ name: 'etcd', play: restartEtcd }, { name: 'etcd and server', play: both });
  }
  const chosen = kills[Math.floor(random() * kills.length)];
  if (chosen === undefined) throw new Error('there is nothing to kill');
  return chosen;
}

async function restartServer(server: ApiServer): Promise<void> {
  await server.kill();
  await server.start();
}

async function killTwice(server: ApiServer, afterMs: number): Promise<void> {
  await server.kill();
  // Its start fails, or it serves already: in both cases it is gone after this.
  const started = server.start().catch(() => undefined);
  await delay(afterMs);
  await server.kill();
  await started;
  await server.start();
}
