import fc from 'fast-check';
import { CATALOG } from '../../apis/catalog.ts';
import { entryOf, objectOf, shapeOf, textIn, type Entry } from './entry.ts';
import { resourcesOf, type Resource } from './resource.ts';
import { createSortedEntries } from './sorted-entries.ts';
import { createTable } from './table.ts';
import { labelToken } from './selection.ts';

const LIMITS = { changes: 1e6, size: 1e9 };

function machines(): Resource {
  const found = resourcesOf(CATALOG).find(({ kind }) => kind.kind === 'VirtualMachine');
  if (found === undefined) throw new Error('no machines');
  return found;
}

const RESOURCE = machines();
const SHAPE = shapeOf(RESOURCE, true);

function entry(name: string, resourceVersion: bigint, labels: Readonly<Record<string, string>> = {}): Entry {
  const { apiVersion, kind } = RESOURCE;
  const object = { apiVersion, kind: kind.kind, metadata: { name, namespace: 'n', uid: `uid-${name}`, labels }, spec: { cpus: 1 } };
  return entryOf({ key: `${RESOURCE.prefix}n/${name}`, value: JSON.stringify(object), resourceVersion }, SHAPE);
}

function all(table: { readonly size: number; slice(start: number, end: number): readonly Entry[] }): readonly string[] {
  return table.slice(0, table.size).map(({ key }) => key);
}

const change = fc.record({
  name: fc.integer({ min: 0, max: 3000 }).map(String),
  remove: fc.boolean(),
  label: fc.constantFrom('a', 'b', 'c'),
});

test('sorted entries hold what a map would, in the order of their keys, and a snapshot stays as it was', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), fc.array(fc.string({ maxLength: 4 }), { maxLength: 20 }), (changes, probes) => {
      const filled = Array.from({ length: 1500 }, (_, at) => entry(String(at * 2), 1n));
      const entries = createSortedEntries();
      for (const one of filled) entries.put(one);
      const model = new Map(filled.map((one) => [one.key, one]));
      const before = entries.snapshot();
      const keysBefore = all(before);
      for (const { name, remove } of changes) {
        const one = entry(name, 2n);
        expect(remove ? entries.remove(one.key) : entries.put(one)).toBe(model.get(one.key));
        if (remove) model.delete(one.key);
        else model.set(one.key, one);
        expect(entries.get(one.key)).toBe(model.get(one.key));
      }
      const keys = [...model.keys()].sort();
      const now = entries.snapshot();
      expect(all(now)).toEqual(keys);
      expect(all(before)).toEqual(keysBefore);
      for (const probe of probes) {
        const key = `${RESOURCE.prefix}n/${probe}`;
        expect(now.below(key)).toBe(keys.filter((one) => one < key).length);
      }
    }),
    { numRuns: 20 },
  );
});

test('a chunk that grows is split, and one that is emptied goes', () => {
  const entries = createSortedEntries();
  const names = Array.from({ length: 5000 }, (_, at) => String((at * 7919) % 5000).padStart(5, '0'));
  for (const name of names) entries.put(entry(name, 1n));
  expect(all(entries.snapshot())).toEqual(names.toSorted().map((name) => `${RESOURCE.prefix}n/${name}`));
  for (const name of names) entries.remove(`${RESOURCE.prefix}n/${name}`);
  expect(entries.snapshot().size).toBe(0);
  entries.put(entry('again', 2n));
  expect(entries.snapshot().size).toBe(1);
});

test('a table finds by label what a scan finds, and shows older states as they were', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const table = createTable(0n, LIMITS);
      const states: { readonly at: bigint; readonly keys: readonly string[] }[] = [{ at: 0n, keys: [] }];
      changes.forEach(({ name, remove, label }, index) => {
        const at = BigInt(index + 1);
        const one = entry(name, at, { app: label });
        if (remove) table.remove(one.key, at);
        else table.put(one);
        states.push({ at, keys: table.all(RESOURCE.prefix).map(({ key, resourceVersion }) => `${key}@${String(resourceVersion)}`) });
      });
      for (const label of ['a', 'b', 'c', 'd']) {
        const scanned = table.all(RESOURCE.prefix).filter(({ labels }) => labels?.app === label);
        const found = table.found(RESOURCE.prefix, [labelToken('app', label)]);
        expect(found && all(found)).toEqual(scanned.map(({ key }) => key));
      }
      for (const { at, keys } of states) {
        const rows = table.rowsAt(RESOURCE.prefix, at);
        const told = rows?.slice(0, rows.size).map(({ key, resourceVersion }) => `${key}@${String(resourceVersion)}`);
        expect(told).toEqual(keys);
        // Row by row, and from each key on, it is the same.
        expect(keys.map((_, row) => rows?.slice(row, row + 1)[0]?.key)).toEqual(keys.map((key) => key.slice(0, key.indexOf('@'))));
        expect(keys.map((key) => rows?.above(key.slice(0, key.indexOf('@'))))).toEqual(keys.map((_, row) => row + 1));
      }
    }),
    { numRuns: 50 },
  );
});

test('the rows above a key are those of the next page', () => {
  const table = createTable(1n, LIMITS);
  for (const name of ['a', 'b', 'c']) table.load(entry(name, 1n));
  const rows = table.rows(`${RESOURCE.prefix}n/`);
  expect(['', 'a', 'aa', 'c', 'd'].map((name) => rows.above(`${RESOURCE.prefix}n/${name}`))).toEqual([0, 1, 1, 3, 3]);
});

test('the text of an entry is that of its object, in whatever order its fields were stored', () => {
  const made = entry('x', 77n, { app: 'ü"\\' });
  expect(JSON.parse(textIn(RESOURCE, made))).toEqual(objectOf(made));
  const { apiVersion, kind } = RESOURCE;
  for (const object of [
    { spec: { cpus: 1 }, metadata: { name: 'y', uid: 'u' }, kind: kind.kind, apiVersion },
    { metadata: { uid: 'u', name: 'y' }, apiVersion, kind: kind.kind },
  ]) {
    const odd = entryOf({ key: `${RESOURCE.prefix}n/y`, value: JSON.stringify(object), resourceVersion: 5n }, SHAPE);
    const wanted = { ...object, metadata: { ...object.metadata, resourceVersion: '5' } };
    expect(JSON.parse(textIn(RESOURCE, odd))).toEqual(wanted);
    expect(objectOf(odd)).toEqual(wanted);
  }
});
