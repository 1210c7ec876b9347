import fc from 'fast-check';
import type { Store, StoredObject, StoreEvent, StoreWrite, WriteOutcome } from './store.ts';
import { takeUntil } from './conformance-watch.ts';
import { versionOf } from './watch-hub.ts';

/** A write whose version is right, or of the version before, or none that any key ever had. */
export interface ModelCommand {
  readonly do: StoreWrite['do'];
  readonly key: string;
  readonly value: string;
  readonly version: 'current' | 'previous' | 'never';
  /** True: sent together with the one after it. */
  readonly together: boolean;
}

/** Sequences of writes over few keys, so that they meet. */
export const modelCommands: fc.Arbitrary<readonly ModelCommand[]> = fc.array(
  fc.record({
    do: fc.constantFrom('create', 'create', 'replace', 'replace', 'remove', 'compare'),
    key: fc.constantFrom('/a/1', '/a/2', '/b/1', '/b/2'),
    value: fc.string({ maxLength: 8, unit: 'grapheme' }),
    version: fc.constantFrom('current', 'current', 'current', 'previous', 'never'),
    together: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

/** Does the commands on the store and on a map, and fails the test where they differ. */
export async function replay(store: Store, commands: readonly ModelCommand[], signal: AbortSignal): Promise<void> {
  const start = await store.revision(signal);
  const model = new Map<string, StoredObject>();
  const previous = new Map<string, bigint>();
  const history: StoreEvent[] = [];
  for (const group of groupsOf(commands)) {
    const writes = group.map((command) => writeOf(command, model, previous));
    const outcomes = await Promise.all(writes.map((write) => store.write(write, signal)));
    // Concurrent writes may be decided in any order; the versions of those that wrote tell which.
    const decided = writes.map((write, at) => ({ write, outcome: outcomes[at] }));
    for (const { write, outcome } of decided) {
      if (outcome === undefined) throw new Error('a write has no outcome');
      if (write.do !== 'compare' && outcome.ok) record(write, outcome.resourceVersion, model, previous, history);
      else check(write, outcome, model);
    }
  }
  const list = await store.list('', signal);
  expect(list.objects).toEqual([...model.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)));
  history.sort((a, b) => (versionOf(a) < versionOf(b) ? -1 : 1));
  await Promise.all(
    ['', '/a/'].map(async (prefix) => {
      const expected = history.filter((event) => (event.type === 'put' ? event.object.key : event.key).startsWith(prefix));
      expect((await takeUntil(store, prefix, start, expected.length, signal)).flat()).toEqual(expected);
    }),
  );
}

/** Commands sent together are of different keys, so that each has one right outcome whatever the order. */
function groupsOf(commands: readonly ModelCommand[]): readonly (readonly ModelCommand[])[] {
  const groups: ModelCommand[][] = [];
  let open = false;
  for (const command of commands) {
    const last = groups.at(-1);
    if (open && last !== undefined && !last.some((other) => other.key === command.key)) last.push(command);
    else groups.push([command]);
    open = command.together;
  }
  return groups;
}

function writeOf(command: ModelCommand, model: ReadonlyMap<string, StoredObject>, previous: ReadonlyMap<string, bigint>): StoreWrite {
  const { key, value } = command;
  if (command.do === 'create') return { do: 'create', key, value };
  const current = model.get(key)?.resourceVersion ?? 1n;
  const resourceVersion = { current, previous: previous.get(key) ?? 1n, never: 7n }[command.version];
  return command.do === 'replace' ? { do: 'replace', key, value, resourceVersion } : { do: command.do, key, resourceVersion };
}

function check(write: StoreWrite, outcome: WriteOutcome, model: ReadonlyMap<string, StoredObject>): void {
  const current = model.get(write.key);
  const allowed = write.do === 'create' ? current === undefined : current?.resourceVersion === write.resourceVersion;
  if (!outcome.ok) expect(outcome.current).toEqual(current);
  expect(outcome.ok).toBe(allowed);
}

function record(
  write: Exclude<StoreWrite, { do: 'compare' }>,
  resourceVersion: bigint,
  model: Map<string, StoredObject>,
  previous: Map<string, bigint>,
  history: StoreEvent[],
): void {
  const current = model.get(write.key);
  check(write, { ok: true, resourceVersion }, model);
  if (current !== undefined) previous.set(write.key, current.resourceVersion);
  expect(resourceVersion).toBeGreaterThan(current?.resourceVersion ?? 0n);
  if (write.do === 'remove') {
    model.delete(write.key);
    history.push({ type: 'remove', key: write.key, resourceVersion });
  } else {
    const object = { key: write.key, value: write.value, resourceVersion };
    model.set(write.key, object);
    history.push({ type: 'put', object });
  }
}
