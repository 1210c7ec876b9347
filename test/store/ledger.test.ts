import type { Operation, Outcome, Snapshot } from './cluster/history.ts';
import { createLedger } from './cluster/ledger.ts';

const done = (version: number): Outcome => ({ is: 'done', version: BigInt(version) });
const operation = (verb: Operation['do'], value: string, outcome: Outcome, expected = 0): Operation => ({
  key: 'a',
  do: verb,
  value,
  expected: BigInt(expected),
  startedMs: 0,
  endedMs: 1,
  outcome,
});
const list = (version: number, at?: number, value = ''): Snapshot => ({
  version: BigInt(version),
  objects: new Map(at === undefined ? [] : [['a', { version: BigInt(at), value }]]),
});
const create = operation('create', 'one', done(64));
const update = operation('update', 'two', done(128), 64);
const remove = operation('delete', '', { is: 'removed' }, 128);
const perhaps = operation('update', 'perhaps', { is: 'unknown' }, 128);
const perhapsGone = operation('delete', '', { is: 'unknown' }, 128);
const turnedAway = operation('update', 'refused', { is: 'refused' }, 64);

function judge(operations: readonly Operation[], ...snapshots: readonly Snapshot[]): readonly string[] {
  const ledger = createLedger();
  return [...ledger.add({ operations }), ...snapshots.flatMap((snapshot) => ledger.judge(snapshot))];
}

test.each<[string, readonly Operation[], Snapshot]>([
  ['what was acknowledged last', [create, update], list(191, 128, 'two')],
  ['nothing, after its deletion', [create, update, remove], list(255)],
  ['what was acknowledged before a write of unknown outcome', [create, update, perhaps], list(191, 128, 'two')],
  ['what a write of unknown outcome stored', [create, update, perhaps], list(255, 192, 'perhaps')],
  ['nothing, after a deletion of unknown outcome', [create, update, perhapsGone], list(255)],
  ['what a deletion of unknown outcome left', [create, update, perhapsGone], list(255, 128, 'two')],
  ['what was made again after its deletion', [create, update, remove, operation('create', 'three', done(256))], list(319, 256, 'three')],
])('a key may hold %s', (_, operations, snapshot) => {
  expect(judge(operations, snapshot)).toEqual([]);
});

test.each<[string, readonly Operation[], Snapshot, RegExp]>([
  ['an acknowledged write that is gone', [create, update], list(191), /a is gone, which was acknowledged at 128/],
  ['an acknowledged update that is undone', [create, update], list(191, 64, 'one'), /a is at 64, although 128 was acknowledged/],
  ['a read that is undone', [create, operation('get', 'one', done(128))], list(191, 64, 'one'), /a is at 64, although 128/],
  ['a deletion that is undone', [create, update, remove], list(255, 128, 'two'), /a is back at 128/],
  ['a value that nobody wrote', [create], list(127, 64, 'other'), /"other", which nobody wrote/],
  ['a value that was refused', [create, update, turnedAway], list(255, 192, 'refused'), /"refused", which was refused/],
  ['a value at a version of its own', [create, update], list(255, 192, 'two'), /at 192 with the value of 128/],
  ['a key that nobody wrote', [], list(127, 64, 'one'), /nobody wrote a/],
  ['an object that is newer than its list', [create], list(63, 64, 'one'), /a is at 64 in a list at 63/],
  ['a list from before an acknowledged write', [create, update, remove], list(100), /a list at 100 came after a write at 128/],
  ['a version that was given twice', [create, { ...update, key: 'b', outcome: done(64) }], list(127), /64 was given twice/],
])('%s is found', (_, operations, snapshot, finding) => {
  expect(judge(operations, snapshot)).toContainEqual(expect.stringMatching(finding));
});

test('versions that go back from one list to the next, or to a write, are found', () => {
  expect(judge([], list(255), list(191))).toEqual(['versions: a list at 191 came after one at 255']);
  const ledger = createLedger();
  ledger.judge(list(255));
  expect(ledger.add({ operations: [create] })).toEqual(['versions: a create of a was given 64 after a list at 255']);
});
