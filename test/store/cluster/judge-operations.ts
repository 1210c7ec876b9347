import { byVersion, toldBy, type Change, type History, type Operation, type Told } from './history.ts';
import { statesOf, type Effect, type States } from './key-states.ts';

/**
 * Whether each key's history is that of one compare-and-swap register: versions give the order of its writes, so that what is left to
 * check is that the order agrees with real time, with what each write insisted on, and with what each read saw.
 */
export function judgeOperations(history: History): readonly string[] {
  const told = toldBy(history.watches);
  const changes = Map.groupBy(told.changes, ({ key }) => key);
  const operations = Map.groupBy(history.operations, ({ key }) => key);
  const keys = new Set([...changes.keys(), ...operations.keys()]);
  return [...keys].flatMap((key) => judgeKey(told, key, changes.get(key) ?? [], operations.get(key) ?? []));
}

function judgeKey(told: Told, key: string, changes: readonly Change[], operations: readonly Operation[]): readonly string[] {
  const writes = matched(told, changes, operations);
  const say = (text: string): string => `linearizable: ${key}: ${text}`;
  const effects = [...writes].map(([version, { type, operation }]) => ({
    version,
    present: type !== 'DELETED',
    earliestMs: operation?.startedMs ?? -Infinity,
    latestMs: operation?.endedMs ?? Infinity,
  }));
  const states = statesOf(effects, told);
  return [
    ...[...writes].flatMap(([version, { operation }]) => [
      ...(operation === undefined ? [say(`nobody wrote ${String(version)}`)] : []),
      ...(operation?.outcome.is === 'refused' || operation?.outcome.is === 'unserved'
        ? [say(`the refused ${operation.do} took effect at ${String(version)}`)]
        : []),
    ]),
    ...chainOf(told, writes).map(say),
    ...removalsOf(told, operations, writes).map(say),
    ...realTime(effects, operations).map(say),
    ...operations.flatMap((operation) => readOf(operation, writes, states, told)).map(say),
  ];
}

type Matched = ReadonlyMap<bigint, { readonly type: Change['type']; readonly operation: Operation | undefined }>;

/** The write behind each version: by what it stored, or for a deletion by what it insisted on; acknowledged ones that no watch told too. */
function matched({ covers }: Told, changes: readonly Change[], operations: readonly Operation[]): Matched {
  const writes = operations.filter((operation) => operation.do !== 'get');
  const byValue = new Map(writes.filter((each) => each.do !== 'delete').map((each) => [each.value, each]));
  const deletions = Map.groupBy(
    writes.filter((each) => each.do === 'delete'),
    ({ expected }) => expected,
  );
  const all = new Map<bigint, Pick<Change, 'type' | 'value' | 'version'>>(changes.map((change) => [change.version, change]));
  // Those that no watch told come first: what a deletion removed may be among them.
  for (const { do: verb, value, outcome } of writes)
    if (outcome.is === 'done' && !all.has(outcome.version))
      all.set(outcome.version, { type: verb === 'create' ? 'ADDED' : 'MODIFIED', value: value ?? '', version: outcome.version });
  const found = new Map<bigint, { type: Change['type']; operation: Operation | undefined }>();
  let before = 0n;
  for (const { type, value, version } of [...all.values()].toSorted(byVersion)) {
    const asked = type === 'DELETED' && covers(before, version) ? (deletions.get(before) ?? []) : [];
    const deletion =
      asked.find(({ outcome }) => outcome.is === 'removed') ?? asked.find(({ outcome }) => outcome.is === 'unknown') ?? asked[0];
    // What a deletion that follows a gap removed is not known, so neither is who asked for it.
    if (type !== 'DELETED' || deletion !== undefined || covers(before, version))
      found.set(version, { type, operation: type === 'DELETED' ? deletion : byValue.get(value) });
    before = version;
  }
  return found;
}

/** Each write found what it insisted on, and no write took effect twice. */
function chainOf({ covers }: Told, writes: Matched): readonly string[] {
  const seen = new Set<Operation>();
  let before: { version: bigint; present: boolean } | undefined;
  return [...writes].flatMap(([version, { type, operation }]) => {
    const found: string[] = [];
    const previous = before;
    before = { version, present: type !== 'DELETED' };
    if (operation === undefined) return found;
    if (seen.has(operation)) found.push(`one ${operation.do} took effect twice, the second time at ${String(version)}`);
    seen.add(operation);
    if (previous === undefined || !covers(previous.version, version)) return found;
    if (operation.do === 'create' ? previous.present : operation.expected !== previous.version)
      found.push(`the ${operation.do} at ${String(version)} did not find what it insisted on, but ${String(previous.version)}`);
    return found;
  });
}

/** What was acknowledged as deleted is told to be gone, each deletion by itself, wherever a watch told what came after it. */
function removalsOf({ covers, reach }: Told, operations: readonly Operation[], writes: Matched): readonly string[] {
  const matchedOnes = new Set([...writes.values()].map(({ operation }) => operation));
  const versions = [...writes.keys()];
  const nextOf = new Map(versions.map((version, at) => [version, versions[at + 1] ?? reach]));
  return operations
    .filter((operation) => operation.outcome.is === 'removed' && !matchedOnes.has(operation))
    .filter(({ expected = 0n }) => covers(expected, nextOf.get(expected) ?? reach))
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
  writes: Matched,
  states: States,
  { covers }: Told,
): readonly string[] {
  if (verb === 'get' && outcome.is === 'done') {
    const { version } = outcome;
    return !writes.has(version) && covers(version - 1n, version) ? [`a read saw ${String(version)}, which nobody wrote`] : [];
  }
  if (outcome.is !== 'absent' && outcome.is !== 'refused') return [];
  const possible = states.during(startedMs, endedMs);
  if (possible === undefined) return [];
  if (outcome.is === 'absent' && !possible.some(({ present }) => !present)) return ['a read found nothing while the key was there'];
  if (verb === 'create' && outcome.is === 'refused' && !possible.some(({ present }) => present))
    return ['a create was refused while the key was free'];
  if (expected !== undefined && outcome.is === 'refused' && !possible.some(({ version }) => version !== expected))
    return [`a ${verb} was refused while the key was at ${String(expected)}, as it insisted`];
  return [];
}
