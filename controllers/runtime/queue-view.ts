import type { Clock } from '../../apis/meta/clock.ts';
import type { Histogram } from '../../apis/meta/metrics.ts';

/**
 * Why a key is looked at later: its work failed; its device does not answer; as many calls are under way as may be; it waits for something
 * else; or it is settled.
 */
export const PARK_CLASSES = ['failed', 'silent', 'busy', 'waiting', 'settled'] as const;

export type ParkClass = (typeof PARK_CLASSES)[number];

/** What a key waits for, and until when on the monotonic clock. */
export interface Parked {
  readonly key: string;
  readonly why: string;
  readonly nextTryMs: number;
  readonly failures: number;
}

/** A queue as people look at it; times are ms. Lists hold the first hundred; counts count all. */
export interface QueueView {
  /** Keys that are ready to be worked on. */
  readonly depth: number;
  /** How long the oldest key has been ready to be worked on. */
  readonly oldestMs: number;
  readonly inFlight: readonly string[];
  readonly inFlightCount: number;
  /** What waits for something, failures first; what is settled is only counted. */
  readonly parked: readonly Parked[];
  readonly parkedCount: number;
  readonly reasons: readonly { readonly why: string; readonly count: number }[];
  readonly settled: number;
  readonly classes: Readonly<Record<ParkClass, number>>;
  readonly adds: number;
  readonly done: number;
  readonly failed: number;
  /** Work that was begun again after it had failed. */
  readonly retries: number;
  /** Pieces of work that ended in the last minute. */
  readonly perMinute: number;
  readonly workers: number;
  /** Pieces of work begun a second, at most. */
  readonly rate?: number;
  /** Why no work is begun. */
  readonly paused?: string;
  /** How long work took, in seconds. */
  readonly durations: Histogram;
}

const MAX_LISTED = 100;
const MAX_REASONS = 50;
const SLICE_MS = 10_000;
const SLICES = 6;

/** Counts what happens, over the last minute. */
export interface Recent {
  count(): void;
  perMinute(): number;
}

/** Counts in slices of ten seconds. */
export function createRecent(clock: Clock): Recent {
  const slices = new Map<number, number>();
  const now = (): number => Math.floor(clock.monotonic() / SLICE_MS);
  return {
    count() {
      const slice = now();
      slices.set(slice, (slices.get(slice) ?? 0) + 1);
      for (const old of slices.keys()) if (old <= slice - SLICES) slices.delete(old);
    },
    perMinute() {
      const first = now() - SLICES + 1;
      return [...slices].reduce((sum, [slice, count]) => (slice >= first ? sum + count : sum), 0);
    },
  };
}

/** What a queue knows of a key, as far as a view shows it. */
export interface Seen {
  readonly key: string;
  readonly state: 'ready' | 'working' | 'parked';
  /** Since when it is ready, or until when it is parked. */
  readonly atMs: number;
  readonly as: ParkClass;
  readonly why: string;
  readonly failures: number;
}

type Content = Pick<
  QueueView,
  'depth' | 'oldestMs' | 'inFlight' | 'inFlightCount' | 'parked' | 'parkedCount' | 'reasons' | 'settled' | 'classes'
>;

/** Keys that wait, by whether they have failed. */
interface Waiting {
  readonly troubled: Parked[];
  readonly others: Parked[];
  readonly reasons: Map<string, number>;
}

function note(waiting: Waiting, { key, why, atMs, failures }: Seen, now: number): void {
  const list = failures > 0 ? waiting.troubled : waiting.others;
  if (list.length < MAX_LISTED) list.push({ key, why, nextTryMs: Math.max(0, atMs - now), failures });
  const known = waiting.reasons.get(why);
  if (known !== undefined || waiting.reasons.size < MAX_REASONS) waiting.reasons.set(why, (known ?? 0) + 1);
}

/** What a queue holds now. */
export function contentOf(entries: Iterable<Seen>, now: number): Content {
  const inFlight: string[] = [];
  const waiting: Waiting = { troubled: [], others: [], reasons: new Map() };
  const counts = { depth: 0, oldestMs: 0, inFlightCount: 0 };
  const classes = { failed: 0, silent: 0, busy: 0, waiting: 0, settled: 0 };
  for (const entry of entries) {
    if (entry.state === 'ready') {
      counts.depth += 1;
      counts.oldestMs = Math.max(counts.oldestMs, now - entry.atMs);
    } else if (entry.state === 'working') {
      counts.inFlightCount += 1;
      if (inFlight.length < MAX_LISTED) inFlight.push(entry.key);
    } else {
      classes[entry.as] += 1;
      if (entry.as !== 'settled') note(waiting, entry, now);
    }
  }
  const reasons = [...waiting.reasons].map(([why, count]) => ({ why, count })).sort((one, other) => other.count - one.count);
  const { settled, ...others } = classes;
  const parkedCount = Object.values(others).reduce((sum, count) => sum + count, 0);
  const parked = [...waiting.troubled, ...waiting.others].slice(0, MAX_LISTED);
  return { ...counts, inFlight, parked, parkedCount, reasons, settled, classes };
}
