/** What became of a write or read, as its caller knows it. */
export type Outcome =
  /** It took effect at `version`, or the read saw that version. */
  | { readonly is: 'done'; readonly version: bigint }
  /** A deletion that took effect; its answer does not name the version. */
  | { readonly is: 'removed' }
  /** A read that found nothing. */
  | { readonly is: 'absent' }
  /** Nothing was written: the key was not as the write insisted. */
  | { readonly is: 'refused' }
  /** Nothing was written, whatever the key was: the server was busy, or could not reach its store. */
  | { readonly is: 'unserved' }
  /** No answer, or one that says that nobody knows. */
  | { readonly is: 'unknown' };

/** One call, with the moments around it on one monotonic clock. */
export interface Operation {
  readonly key: string;
  readonly do: 'create' | 'update' | 'delete' | 'get';
  /** What a write stores, unique to it; what a get saw. */
  readonly value?: string;
  /** The version that an update or delete insists on. */
  readonly expected?: bigint;
  readonly startedMs: number;
  /** Infinity where the call may take effect later still. */
  readonly endedMs: number;
  readonly outcome: Outcome;
}

/** One line of a watch. */
export type Line =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly key: string; readonly version: bigint; readonly value: string }
  | { readonly type: 'BOOKMARK'; readonly version: bigint };

/** One change of one key. */
export type Change = Exclude<Line, { type: 'BOOKMARK' }>;

/** One watch, from the version that it was opened after to its end. */
export interface WatchRecord {
  readonly name: string;
  readonly after: bigint;
  readonly lines: readonly Line[];
}

/** One consistent list of all keys. */
export interface Snapshot {
  readonly version: bigint;
  readonly objects: ReadonlyMap<string, { readonly version: bigint; readonly value: string }>;
}

/** One fault that was played, with the moments around it on the clock of the operations. */
export interface Fault {
  readonly name: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** Everything that a run saw from outside. */
export interface History {
  readonly operations: readonly Operation[];
  readonly watches: readonly WatchRecord[];
  readonly snapshots: readonly Snapshot[];
  readonly faults: readonly Fault[];
  /** What did not come in its time, once everything stood still. */
  readonly stalls: readonly string[];
}

/** What all watches of a history told together. */
export interface Told {
  /** Every change, oldest first, one a version. */
  readonly changes: readonly Change[];
  /** True where some watch has told everything after the one version and up to the other. */
  covers(from: bigint, to: bigint): boolean;
  /** The versions after which anything was told, and up to which. */
  readonly start: bigint;
  readonly reach: bigint;
}

/** Versions after `from` up to `to`, of which some watch has told everything. */
interface Covered {
  readonly from: bigint;
  readonly to: bigint;
}

/** A whole-number comparison for sorting. */
export function byVersion(a: { readonly version: bigint }, b: { readonly version: bigint }): number {
  return a.version < b.version ? -1 : a.version > b.version ? 1 : 0;
}

/** The changes of a watch, without its bookmarks. */
export function changesOf({ lines }: WatchRecord): readonly Change[] {
  return lines.filter((line) => line.type !== 'BOOKMARK');
}

/** The version up to which a watch has told everything. */
export function reachOf({ after, lines }: WatchRecord): bigint {
  return lines.reduce((reach, { version }) => (version > reach ? version : reach), after);
}

/** Every change that any watch saw, oldest first, one a version. */
export function unionOf(watches: readonly WatchRecord[]): readonly Change[] {
  const all = new Map(watches.flatMap(changesOf).map((change) => [change.version, change]));
  return [...all.values()].toSorted(byVersion);
}

/** The stretches of history that were watched, merged where they touch. */
export function coverageOf(watches: readonly WatchRecord[]): readonly Covered[] {
  const merged: Covered[] = [];
  const stretches = watches.map((watch) => ({ from: watch.after, to: reachOf(watch) }));
  for (const next of stretches.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = merged.at(-1);
    if (last === undefined || next.from > last.to) merged.push(next);
    else if (next.to > last.to) merged[merged.length - 1] = { from: last.from, to: next.to };
  }
  return merged;
}

/** What the watches told together; made once for each judgement, because it reads every line. */
export function toldBy(watches: readonly WatchRecord[]): Told {
  const coverage = coverageOf(watches);
  return {
    changes: unionOf(watches),
    covers: (from, to) => coverage.some((stretch) => stretch.from <= from && to <= stretch.to),
    start: coverage[0]?.from ?? 0n,
    reach: coverage.at(-1)?.to ?? 0n,
  };
}
