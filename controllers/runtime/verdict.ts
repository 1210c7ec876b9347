import { backoffMs } from './backoff.ts';
import { PRIORITY, type Verdict } from './queue.ts';
import type { RoundEnd } from './reconcile.ts';
import { RESYNC_MS } from './resync.ts';
import type { Silence } from './visit.ts';

/** What waits for its turn is told; it looks for itself this late. */
const WAITING_MS = 60_000;
/** Rounds in a row that may ask for the next one at once; who still moves after that does so ever more slowly. */
const MAX_STREAK = 10;
/** What keeps failing, or moving, is not woken by news (perhaps of its own making) sooner than this. */
const MAX_QUIET_MS = 5_000;
/** A device that does not answer is not asked again sooner, whatever its breaker says. */
const MIN_SILENT_MS = 500;

/** What an object's earlier rounds came to. */
export interface History {
  readonly failures: number;
  readonly streak: number;
}

type Parking = Extract<Verdict, { readonly next: 'park' }>;

/** It is not the object's turn. */
export function waiting(why: string): Verdict {
  return { next: 'park', ms: WAITING_MS, why, failed: false, as: 'busy' };
}

/** `atLeastMs` is what somebody else asked for: it counts up to the resync, and nonsense not at all. */
export function failed(why: string, atLeastMs: number, failures: number, random: () => number): Parking {
  const ms = Math.max(atLeastMs > 0 ? Math.min(atLeastMs, RESYNC_MS) : 0, backoffMs(failures + 1, random));
  return { next: 'park', ms, why, failed: true, quietMs: failures === 0 ? 0 : Math.min(ms, MAX_QUIET_MS) };
}

/** Of a round that met a device which does not answer: it waits as long as its planner says, else for the next try. */
export function silenced(silence: Silence | undefined, end: RoundEnd, { failures }: History, random: () => number): Verdict | undefined {
  if (silence === undefined) return undefined;
  const nextTryMs = Math.max(MIN_SILENT_MS, silence.nextTryMs) * (1 + random() / 8);
  if (end.end === 'failed') return { ...failed(silence.why, nextTryMs, failures, random), as: 'silent' };
  if (end.end === 'settled') return { next: 'park', ms: end.lookAgainMs ?? nextTryMs, why: silence.why, failed: false, as: 'silent' };
  return undefined;
}

/** When an object whose round ended so is looked at again, and why it waits: after about `resyncMs` where it is settled. */
export function verdictOf(end: RoundEnd, { failures, streak }: History, random: () => number, resyncMs: number): Verdict {
  switch (end.end) {
    case 'gone':
      return { next: 'drop' };
    case 'moved':
    case 'stale': {
      const over = streak - MAX_STREAK;
      if (over < 0) return { next: 'again', priority: PRIORITY.change };
      const ms = backoffMs(over + 1, random);
      return { next: 'park', ms, why: 'it moves again and again and does not arrive', failed: false, quietMs: Math.min(ms, MAX_QUIET_MS) };
    }
    case 'failed':
      return failed(end.why, end.retryAfterMs ?? 0, failures, random);
    case 'settled': {
      const ms = end.lookAgainMs ?? resyncMs * (0.75 + random() / 2);
      const due = end.punctual === true ? { due: PRIORITY.change } : {};
      return {
        next: 'park',
        ms,
        why: end.waitsFor ?? 'settled',
        failed: false,
        as: end.waitsFor === undefined ? 'settled' : 'waiting',
        ...due,
      };
    }
  }
}
