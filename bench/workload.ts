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

/** Some lines of the table. */
export interface Line {
  readonly id: string;
  readonly title: string;
  readonly targets: readonly Target[];
  /** Fewer rounds than asked for, where one takes long. */
  readonly rounds?: number;
}

/** A load on servers. */
export interface Workload extends Line {
  /** `filled`: on the side that holds all objects, shared with others. `fresh`: on an empty one of its own. */
  readonly on: 'filled' | 'fresh';
  /** The peer runs in so many rounds only, where it takes long or has no target; later rounds are compared with its last one. */
  readonly peerRounds?: number;
  run(side: Side, circumstances: Circumstances): Promise<Sample>;
}

/** What has no peer and no server of its own: it runs in the bench's own process, with what it keeps in `folder`. */
export interface OwnWorkload extends Line {
  readonly on: 'own';
  run(folder: string, circumstances: Circumstances): Promise<Sample>;
}

/** Where a figure was measured. */
export type Where = SideName | 'own';

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
