import { byVersion, coverageOf, isCovered, unionOf, type Change, type History, type Operation } from './history.ts';

/** One effect on a key: when it can have been, at the earliest and at the latest. */
interface Effect {
  readonly version: bigint;
  readonly present: boolean;
  readonly earliestMs: number;
  readonly latestMs: number;
}

/**
 * Whether each key's history is that of one compare-and-swap register: versions give the order of its writes, so that what is left to
 * check is that the order agrees with real time, with what each write insisted on, and with what each read saw.
 */
export function judgeOperations(history: History): readonly string[] {
  const changes = Map.groupBy(unionOf(history.watches), ({ key }) => key);
  const operations = Map.groupBy(history.operations, ({ key }) => key);
  const keys = new Set([...changes.keys(), ...operations.keys()]);
  return [...keys].flatMap((key) => judgeKey(history, key, changes.get(key) ?? [], operations.get(key) ?? []));
}

function judgeKey(history: History, key: string, changes: readonly Change[], operations: readonly Operation[]): readonly string[] {
  const writes = matched(history, changes, operations);
  const say = (text: string): string => `linearizable: ${key}: ${text}`;
  const effects = [...writes].map(([version, { type, operation }]) => ({
    version,
    present: type !== 'DELETED',
    earliestMs: operation?.startedMs ?? -Infinity,
    latestMs: operation?.endedMs ?? Infinity,
  }));
  return [
    ...[...writes].flatMap(([version, { operation }]) => [
      ...(operation === undefined ? [say(`nobody wrote ${String(version)}`)] : []),
      ...(operation?.outcome.is === 'refused' || operation?.outcome.is === 'unserved'
        ? [say(`the refused ${operation.do} took effect at ${String(version)}`)]
        : []),
    ]),
    ...chainOf(history, writes).map(say),
    ...removalsOf(history, operations, writes).map(say),
    ...realTime(effects, operations).map(say),
    ...operations.flatMap((operation) => readOf(operation, effects, history)).map(say),
  ];
}

type Told = Pick<Change, 'type' | 'value' | 'version'>;
type Matched = ReadonlyMap<bigint, { readonly type: Change['type']; readonly operation: Operation | undefined }>;

/** The write behind each version: by what it stored, or for a deletion by what it insisted on; acknowledged ones that no watch told too. */
function matched({ watches }: History, changes: readonly Change[], operations: readonly Operation[]): Matched {
  const writes = operations.filter((operation) => operation.do !== 'get');
  const byValue = new Map(writes.filter((each) => each.do !== 'delete').map((each) => [each.value, each]));
  const deletions = Map.groupBy(
    writes.filter((each) => each.do === 'delete'),
    ({ expected }) => expected,
  );
  const coverage = coverageOf(watches);
  const told = new Map<bigint, Told>(changes.map((change) => [change.version, change]));
  // Those that no watch told come first: what a deletion removed may be among them.
  for (const { do: verb, value, outcome } of writes)
    if (outcome.is === 'done' && !told.has(outcome.version))
      told.set(outcome.version, { type: verb === 'create' ? 'ADDED' : 'MODIFIED', value: value ?? '', version: outcome.version });
  const found = new Map<bigint, { type: Change['type']; operation: Operation | undefined }>();
  let before = 0n;
  for (const { type, value, version } of [...told.values()].toSorted(byVersion)) {
    const asked = (deletions.get(before) ?? []).filter(() => isCovered(coverage, before, version));
    const deletion =
      asked.find(({ outcome }) => outcome.is === 'removed') ?? asked.find(({ outcome }) => outcome.is === 'unknown') ?? asked[0];
    // What a deletion that follows a gap removed is not known, so neither is who asked for it.
    if (type !== 'DELETED' || deletion !== undefined || isCovered(coverage, before, version))
      found.set(version, { type, operation: type === 'DELETED' ? deletion : byValue.get(value) });
    before = version;
  }
  return found;
}

/** Each write found what it insisted on, and no write took effect twice. */
function chainOf({ watches }: History, writes: Matched): readonly string[] {
  const coverage = coverageOf(watches);
  const seen = new Set<Operation>();
  let before: { version: bigint; present: boolean } | undefined;
  return [...writes].flatMap(([version, { type, operation }]) => {
    const found: string[] = [];
    const previous = before;
    before = { version, present: type !== 'DELETED' };
    if (operation === undefined) return found;
    if (seen.has(operation)) found.push(`one ${operation.do} took effect twice, the second time at ${String(version)}`);
    seen.add(operation);
    if (previous === undefined || !isCovered(coverage, previous.version, version)) return found;
    if (operation.do === 'create' ? previous.present : operation.expected !== previous.version)
      found.push(`the ${operation.do} at ${String(version)} did not find what it insisted on, but ${String(previous.version)}`);
    return found;
  });
}

/** What was acknowledged as deleted is told to be gone, each deletion by itself. */
function removalsOf({ watches }: History, operations: readonly Operation[], writes: Matched): readonly string[] {
  if (coverageOf(watches).length !== 1) return [];
  const matchedOnes = new Set([...writes.values()].map(({ operation }) => operation));
  return operations
    .filter((operation) => operation.outcome.is === 'removed' && !matchedOnes.has(operation))
    .map(({ expected }) => `the acknowledged deletion of ${String(expected)} was not told`);
}

/** Nothing that ended before something else began comes after it. */
function realTime(effects: readonly Effect[], operations: readonly Operation[]): readonly string[] {
  const reads = operations.flatMap(({ do: verb, outcome, startedMs, endedMs }) =>
    verb === 'get' && outcome.is === 'done' ? [{ version: outcome.version, earliestMs: startedMs, latestMs: endedMs, read: true }] : [],
  );
  const all = [...effects.map((effect) => ({ ...effect, read: false })), ...reads];
  // Reads of one version come after its write, and have no order among themselves.
  const ordered = Map.groupBy(
    all.toSorted((a, b) => byVersion(a, b) || Number(a.read) - Number(b.read)),
    ({ version, read }) => `${String(version)} ${String(read)}`,
  );
  let begun = -Infinity;
  return [...ordered.values()].flatMap((equals) => {
    const late = equals.filter(({ latestMs }) => latestMs < begun);
    begun = equals.reduce((latest, { earliestMs }) => Math.max(latest, earliestMs), begun);
    return late.map(
      ({ version, read }) => `${read ? 'a read of' : 'the write'} ${String(version)} ended before something that it comes after began`,
    );
  });
}

/** A read saw something written; one that saw nothing, and a refusal, had a moment at which that was so. */
function readOf(
  { do: verb, outcome, expected, startedMs, endedMs }: Operation,
  effects: readonly Effect[],
  { watches }: History,
): readonly string[] {
  if (verb === 'get' && outcome.is === 'done') {
    const { version } = outcome;
    const lost = !effects.some((effect) => effect.version === version) && isCovered(coverageOf(watches), version - 1n, version);
    return lost ? [`a read saw ${String(version)}, which nobody wrote`] : [];
  }
  // Where nobody watched, there may be states that nobody knows of.
  if (coverageOf(watches).length !== 1) return [];
  const possible = states(effects).filter(({ fromMs, untilMs }) => fromMs <= endedMs && untilMs >= startedMs);
  if (outcome.is === 'absent' && !possible.some(({ present }) => !present)) return ['a read found nothing while the key was there'];
  if (verb === 'create' && outcome.is === 'refused' && !possible.some(({ present }) => present))
    return ['a create was refused while the key was free'];
  if (expected !== undefined && outcome.is === 'refused' && !possible.some(({ version }) => version !== expected))
    return [`a ${verb} was refused while the key was at ${String(expected)}, as it insisted`];
  return [];
}

/** What the key was, one after the other, each from the earliest to the latest moment at which it can have been so. */
function states(effects: readonly Effect[]): readonly { version: bigint; present: boolean; fromMs: number; untilMs: number }[] {
  const first = { version: 0n, present: false, earliestMs: -Infinity, latestMs: -Infinity };
  return [first, ...effects].map(({ version, present, earliestMs }, at) => ({
    version,
    present,
    fromMs: earliestMs,
    untilMs: effects[at]?.latestMs ?? Infinity,
  }));
}
