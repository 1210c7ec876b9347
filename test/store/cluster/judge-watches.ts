import { byVersion, changesOf, reachOf, toldBy, type Change, type History, type Told, type WatchRecord } from './history.ts';

/** Each broken promise of the watches as one sentence that begins with the promise's name; none where all were kept. */
export function judgeWatches(history: History): readonly string[] {
  const told = toldBy(history.watches);
  return [
    ...history.stalls.map((stall) => `live: ${stall}`),
    ...history.watches.flatMap(orderOf),
    ...disagreements(history.watches),
    ...history.watches.flatMap((watch) => gapsOf(watch, told)),
    ...history.watches.flatMap(bookmarksOf),
    ...acknowledged(history, told),
    ...inexact(history, told),
  ];
}

function orderOf({ name, after, lines }: WatchRecord): readonly string[] {
  let last = after;
  return lines.flatMap((line) => {
    if (line.type === 'BOOKMARK') return [];
    const broken = line.version <= last;
    const before = last;
    last = line.version;
    return broken ? [`ordered: ${name} saw ${String(line.version)} after ${String(before)}`] : [];
  });
}

/** One version is one change, whoever tells it. */
function disagreements(watches: readonly WatchRecord[]): readonly string[] {
  const first = new Map<bigint, Change>();
  return watches.flatMap((watch) =>
    changesOf(watch).flatMap((change) => {
      const known = first.get(change.version);
      if (known === undefined) first.set(change.version, change);
      if (known === undefined || (known.key === change.key && known.type === change.type && known.value === change.value)) return [];
      return [`unique: ${watch.name} saw ${describe(change)}, another saw ${describe(known)}`];
    }),
  );
}

/** A watch, resumed or not, tells exactly what lies between its start and its newest line. */
function gapsOf(watch: WatchRecord, told: Told): readonly string[] {
  const seen = new Set(changesOf(watch).map(({ version }) => version));
  const reach = reachOf(watch);
  return slice(told.changes, watch.after, reach)
    .filter(({ version }) => !seen.has(version))
    .map((change) => `reliable: ${watch.name}, after ${String(watch.after)} and up to ${String(reach)}, missed ${describe(change)}`);
}

function bookmarksOf({ name, lines }: WatchRecord): readonly string[] {
  let position = -1n;
  return lines.flatMap(({ type, version }) => {
    const late = version <= position && type !== 'BOOKMARK';
    const back = version < position && type === 'BOOKMARK';
    if (type === 'BOOKMARK' && !back) position = version;
    return late || back ? [`bookmark: ${name} saw ${type} ${String(version)} after the bookmark ${String(position)}`] : [];
  });
}

/** What was acknowledged is told, wherever a watch has told everything. */
function acknowledged({ operations }: History, { changes, covers }: Told): readonly string[] {
  const told = new Map(changes.map((change) => [change.version, change]));
  return operations.flatMap((operation) => {
    if (operation.do === 'get' || operation.outcome.is !== 'done') return [];
    const { version } = operation.outcome;
    const change = told.get(version);
    if (change === undefined)
      return covers(version - 1n, version) ? [`reliable: no watch told the acknowledged ${operation.do} at ${String(version)}`] : [];
    const same = change.key === operation.key && change.type !== 'DELETED' && change.value === operation.value;
    return same ? [] : [`unique: the ${operation.do} of ${operation.key} at ${String(version)} was told as ${describe(change)}`];
  });
}

/** A list is what the changes up to its version add up to: a list that cuts through a batch is not. */
function inexact({ snapshots }: History, { changes, covers }: Told): readonly string[] {
  const ordered = snapshots.toSorted(byVersion);
  return ordered.slice(1).flatMap((snapshot, at) => {
    const before = ordered[at];
    if (before === undefined || !covers(before.version, snapshot.version)) return [];
    const expected = new Map(before.objects);
    for (const change of slice(changes, before.version, snapshot.version)) {
      if (change.type === 'DELETED') expected.delete(change.key);
      else expected.set(change.key, change);
    }
    const keys = new Set([...expected.keys(), ...snapshot.objects.keys()]);
    return [...keys]
      .filter((key) => expected.get(key)?.version !== snapshot.objects.get(key)?.version)
      .map((key) => `atomic: ${key} in the list at ${String(snapshot.version)} is not what the changes add up to`);
  });
}

function slice(changes: readonly Change[], after: bigint, upTo: bigint): readonly Change[] {
  return changes.slice(firstAfter(changes, after), firstAfter(changes, upTo));
}

function firstAfter(changes: readonly Change[], version: bigint): number {
  let [low, high] = [0, changes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((changes[middle]?.version ?? 0n) <= version) low = middle + 1;
    else high = middle;
  }
  return low;
}

function describe({ type, key, version, value }: Change): string {
  return `${type} ${key} ${String(version)} ${value}`;
}
