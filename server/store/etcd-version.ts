/** A defect of etcd 3.4, and what stands between it and our clients. */
interface EtcdDefect {
  /** The patch release of 3.4 that mended it. */
  readonly fixedIn: number;
  readonly defect: string;
  readonly guard: string;
}

/** An etcd that was met, and the known defects that it has. */
export interface EtcdMet {
  readonly version: string;
  /** As `defect: guard`; undefined for a line of releases whose defects are not listed here. */
  readonly guarded: readonly string[] | undefined;
}

const DEFECTS: readonly EtcdDefect[] = [
  { fixedIn: 24, defect: 'watch events come twice', guard: 'what is not newer than the last one delivered is dropped' },
  { fixedIn: 25, defect: 'a watch goes back in time', guard: 'the same filter; progress notifications are not used' },
  {
    fixedIn: 31,
    defect: 'a starved watch loses events at a compaction',
    guard: 'compaction stays five minutes behind; the cache is compared with the store every five',
  },
  { fixedIn: 32, defect: 'the revision decreases after a crash in compaction', guard: 'a watch that sees it expires and is listed anew' },
  { fixedIn: 36, defect: 'a watch at the compacted revision misses a removal', guard: 'none is opened there' },
  { fixedIn: 38, defect: 'a watch from the future gets old events', guard: 'the revision is read before a watch opens' },
  { fixedIn: 42, defect: 'a read is stale after a pause of the process', guard: 'writes are decided by comparing in a transaction' },
];

/** What is known of the defects of the etcd of this version. */
export function describeEtcd(version: string): EtcdMet {
  const match = /^3\.4\.(\d+)(?:$|[-+])/.exec(version);
  if (match === null) return { version, guarded: undefined };
  const left = DEFECTS.filter(({ fixedIn }) => Number(match[1]) < fixedIn);
  return { version, guarded: left.map(({ defect, guard }) => `${defect}: ${guard}`) };
}
