import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { Relapses } from './plan/facts.ts';

/** Runs of machines that ended by themselves, as this process has seen them: a new one begins anew, and starts what stands still at once. */
export interface CrashLog {
  /** Notes what a machine does, and tells how often in a row its runs have ended so; undefined: not at all. */
  see(vm: VirtualMachine, machine: Machine | undefined): Relapses | undefined;
  /** Notes that a machine was started. */
  started(uid: string): void;
}

interface Entry {
  /** What is declared anew is tried anew. */
  readonly declared: string;
  readonly inRow: number;
  readonly cause: Relapses['cause'];
  /** When it was started last, and when it was seen to stand still after that; by the monotonic clock. */
  readonly startedMs: number;
  readonly endedMs: number | undefined;
}

/** Who has run for so long runs well: what went before counts no more. */
const WELL_MS = 600_000;
const FIRST_MS = 1_000;
const LAST_MS = 300_000;
/** Machines whose crashes are remembered. */
const MOST = 10_000;

/** How the run of a machine ended by itself; undefined: it did not. */
function endOf(machine: Machine | undefined): Relapses['cause'] | undefined {
  if (machine?.power !== 'stopped') return undefined;
  return machine.stopCause === 'crashed' || machine.stopCause === 'guest-shutdown' ? machine.stopCause : undefined;
}

/** How long to wait with the next start after so many ends in a row: the first time not at all, then 1 s doubling to 5 min. */
function delayMs(inRow: number): number {
  return inRow < 2 ? 0 : Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(inRow - 2, 20));
}

/** A log in which nothing has ended yet. */
export function createCrashLog(clock: Clock): CrashLog {
  const log = new Map<string, Entry>();
  const keep = (uid: string, entry: Entry): void => {
    log.delete(uid);
    log.set(uid, entry);
    const [oldest] = log.keys();
    if (log.size > MOST && oldest !== undefined) log.delete(oldest);
  };
  return {
    started(uid) {
      const entry = log.get(uid);
      if (entry !== undefined) keep(uid, { ...entry, startedMs: clock.monotonic(), endedMs: undefined });
    },
    see({ metadata, spec }, machine) {
      const { uid } = metadata;
      const nowMs = clock.monotonic();
      const declared = `${metadata.generation} ${spec.restartToken}`;
      const known = log.get(uid);
      const before = known?.declared === declared ? known : undefined;
      const cause = endOf(machine);
      if (machine === undefined || (machine.power === 'stopped' && cause === undefined) || metadata.deletionTimestamp !== undefined) {
        log.delete(uid);
        return undefined;
      }
      if (cause === undefined) {
        if (before === undefined || nowMs - before.startedMs >= WELL_MS) {
          log.delete(uid);
          return undefined;
        }
        return { inRow: before.inRow, cause: before.cause, waitMs: 0, wellInMs: before.startedMs + WELL_MS - nowMs };
      }
      const ranWell = before !== undefined && (before.endedMs ?? nowMs) - before.startedMs >= WELL_MS;
      const inRow = before === undefined || ranWell ? 1 : before.endedMs === undefined ? before.inRow + 1 : before.inRow;
      const endedMs = before?.endedMs ?? nowMs;
      keep(uid, { declared, inRow, cause, startedMs: before?.startedMs ?? nowMs, endedMs });
      return { inRow, cause, waitMs: Math.max(0, endedMs + delayMs(inRow) - nowMs), wellInMs: 0 };
    },
  };
}
