import type { Outcome } from './jobs.ts';
import type { Side, SideName } from './side.ts';

/** Named figures of one side in one round. */
export type Sample = Readonly<Record<string, number>>;

/** Which of a sample's figures is held to what. */
export interface Target {
  /** A sentence for the table. */
  readonly says: string;
  readonly figure: string;
  /** `ratio` is ours divided by the peer's; `absolute` is our own figure, of the store on etcd or of both. */
  readonly of: 'ratio' | 'absolute';
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Only our server on this store is held to it. */
  readonly only?: 'ours-etcd' | 'ours-sqlite';
}

/** What a workload is told. */
export interface Circumstances {
  readonly round: number;
  /** How many objects `filled` sides hold. */
  readonly objects: number;
  /** Less than 1 shrinks a trial. */
  readonly scale: number;
}

/** One line of the table. */
export interface Workload {
  readonly id: string;
  readonly title: string;
  readonly targets: readonly Target[];
  /** `filled`: on the side that holds all objects, shared with others. `fresh`: on an empty one of its own. */
  readonly on: 'filled' | 'fresh';
  /** Fewer rounds than asked for, where one takes long. */
  readonly rounds?: number;
  /** The peer runs in so many rounds only, where it takes long or has no target; later rounds are compared with its last one. */
  readonly peerRounds?: number;
  run(side: Side, circumstances: Circumstances): Promise<Sample>;
}

/** A line of the table that needs no server: what is measured is a part of ours, in the bench's own process. */
export interface PartWorkload {
  readonly id: string;
  readonly title: string;
  readonly targets: readonly Target[];
  readonly on: 'nothing';
  readonly rounds?: number;
  run(circumstances: Circumstances): Promise<Sample>;
}

/** Where a figure was measured. */
export type Where = SideName | 'part';

/** The namespace that filled sides hold their objects in, and that of the first tenth of them. */
export const FILLED = 'bench-100k';
/** Holds a tenth as many objects. */
export const FILLED_TENTH = 'bench-10k';

/** The outcome, if every request of it was answered well: figures of failed requests are worth nothing. */
export function sound(outcome: Outcome): Outcome {
  if (outcome.errors > 0) throw new Error(`${outcome.errors} of ${outcome.requests} requests failed: ${outcome.firstError}`);
  return outcome;
}

/** A number for a trial that is not below `least`. */
export function scaled(full: number, scale: number, least = 1): number {
  return Math.max(least, Math.round(full * scale));
}
