import type { History, Operation, Snapshot } from './history.ts';

/** What callers were told of a store over all its crashes, to hold what it has after each of them against. */
export interface Ledger {
  /** Adds what was seen while the store went down and came back; gives what in it breaks a promise made before. */
  add(history: Pick<History, 'operations'>): readonly string[];
  /** Each broken promise of a store that nobody writes to as one sentence; none where all were kept. */
  judge(snapshot: Snapshot): readonly string[];
}

/** What is known of one key. */
interface Known {
  /** The newest version that a write or read was answered with; 0 for none. */
  newest: bigint;
  /** The newest version whose deletion was acknowledged. */
  removed: bigint;
  /** The newest version whose deletion may have taken effect. */
  perhapsRemoved: bigint;
  /** Every write of it, by what it stores. */
  readonly writes: Map<string, Operation>;
}

/** A ledger without an entry. */
export function createLedger(): Ledger {
  const keys = new Map<string, Known>();
  const versions = new Set<bigint>();
  let [newest, listed] = [0n, 0n];

  function knownOf(key: string): Known {
    const known = keys.get(key) ?? { newest: 0n, removed: 0n, perhapsRemoved: 0n, writes: new Map() };
    keys.set(key, known);
    return known;
  }
  function enter(operation: Operation): readonly string[] {
    const { key, do: verb, value, expected = 0n, outcome } = operation;
    const known = knownOf(key);
    if (verb === 'create' || verb === 'update') known.writes.set(value ?? '', operation);
    if (verb === 'delete' && outcome.is === 'removed') known.removed = later(known.removed, expected);
    if (verb === 'delete' && outcome.is === 'unknown') known.perhapsRemoved = later(known.perhapsRemoved, expected);
    if (outcome.is !== 'done') return [];
    const { version } = outcome;
    known.newest = later(known.newest, version);
    if (verb === 'get') return [];
    newest = later(newest, version);
    const found = [
      ...(version <= listed ? [`versions: a ${verb} of ${key} was given ${String(version)} after a list at ${String(listed)}`] : []),
      ...(versions.has(version) ? [`versions: ${String(version)} was given twice, the second time to a ${verb} of ${key}`] : []),
    ];
    versions.add(version);
    return found;
  }
  return {
    add: ({ operations }) => operations.flatMap(enter),
    judge: (snapshot) => {
      const { version, objects } = snapshot;
      const found = [
        ...(version < listed ? [`versions: a list at ${String(version)} came after one at ${String(listed)}`] : []),
        ...(version < newest ? [`versions: a list at ${String(version)} came after a write at ${String(newest)}`] : []),
        ...[...objects.keys()].filter((key) => !keys.has(key)).map((key) => `durable: nobody wrote ${key}`),
        ...[...keys].flatMap(([key, known]) => judgeKey(key, known, snapshot)),
      ];
      listed = later(listed, version);
      return found;
    },
  };
}

function judgeKey(key: string, { newest, removed, perhapsRemoved, writes }: Known, snapshot: Snapshot): readonly string[] {
  const object = snapshot.objects.get(key);
  const say = (text: string): readonly string[] => [`durable: ${key} ${text}`];
  if (object === undefined)
    return newest > later(removed, perhapsRemoved) ? say(`is gone, which was acknowledged at ${String(newest)}`) : [];
  const { version, value } = object;
  if (version <= removed) return say(`is back at ${String(version)}, although ${String(removed)} was acknowledged as deleted`);
  if (version < newest) return say(`is at ${String(version)}, although ${String(newest)} was acknowledged`);
  if (version > snapshot.version) return say(`is at ${String(version)} in a list at ${String(snapshot.version)}`);
  const write = writes.get(value)?.outcome;
  if (write === undefined) return say(`holds ${JSON.stringify(value)}, which nobody wrote`);
  if (write.is === 'refused' || write.is === 'unserved') return say(`holds ${JSON.stringify(value)}, which was ${write.is}`);
  if (write.is === 'done' && write.version !== version) return say(`is at ${String(version)} with the value of ${String(write.version)}`);
  return [];
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
