import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHistory, saveHistory } from './cluster/history-file.ts';
import type { Change, History, Line, Operation, WatchRecord } from './cluster/history.ts';
import { judgeOperations } from './cluster/judge-operations.ts';
import { judgeWatches } from './cluster/judge-watches.ts';

const added = (version: number, key = 'a'): Change => ({ type: 'ADDED', key, version: BigInt(version), value: `v${String(version)}` });
const modified = (version: number, key = 'a'): Change => ({ ...added(version, key), type: 'MODIFIED' });
const deleted = (version: number, key = 'a'): Change => ({ ...added(version, key), type: 'DELETED' });
const watch = (name: string, after: number, ...lines: Line[]): WatchRecord => ({ name, after: BigInt(after), lines });
const history = (part: Partial<History>): History => ({ operations: [], watches: [], snapshots: [], faults: [], stalls: [], ...part });

function operation(part: Pick<Operation, 'do'> & Partial<Operation> & { at: number; from: number; to: number }): Operation {
  const { at, from, to, ...rest } = part;
  return { key: 'a', value: `v${String(at)}`, startedMs: from, endedMs: to, outcome: { is: 'done', version: BigInt(at) }, ...rest };
}

const create = operation({ do: 'create', at: 64, from: 0, to: 1 });
const update = operation({ do: 'update', at: 128, from: 2, to: 3, expected: 64n });
const remove = operation({ do: 'delete', at: 192, from: 4, to: 5, expected: 128n, outcome: { is: 'removed' } });
const whole = watch('whole', 0, added(64), modified(128), deleted(192), { type: 'BOOKMARK', version: 255n });
const sound = history({
  operations: [
    create,
    operation({ do: 'get', at: 64, from: 1.2, to: 1.4 }),
    operation({ do: 'get', at: 128, from: 2.5, to: 4.5 }),
    update,
    remove,
    operation({ do: 'get', at: 0, from: 6, to: 7, outcome: { is: 'absent' } }),
    operation({ do: 'update', at: 999, from: 6, to: 7, expected: 128n, outcome: { is: 'refused' } }),
    operation({ do: 'create', at: 777, from: 6, to: 7, outcome: { is: 'unknown' } }),
  ],
  watches: [whole, watch('resumed', 64, modified(128), { type: 'BOOKMARK', version: 191n }, deleted(192))],
  snapshots: [
    { version: 127n, objects: new Map([['a', { version: 64n, value: 'v64' }]]) },
    { version: 255n, objects: new Map() },
  ],
});

test('a history without a fault has nothing against it', () => {
  expect([...judgeWatches(sound), ...judgeOperations(sound)]).toEqual([]);
});

const plantedInWatches: readonly (readonly [string, History, RegExp])[] = [
  ['goes back', { ...sound, watches: [watch('w', 0, added(64), deleted(192), modified(128))] }, /^ordered: w saw 128 after 192/],
  ['tells a change twice', { ...sound, watches: [watch('w', 0, added(64), added(64))] }, /^ordered: w saw 64 after 64/],
  ['tells something from before its start', history({ watches: [watch('w', 100, added(64))] }), /^ordered/],
  ['skips a change', { ...sound, watches: [whole, watch('w', 0, added(64), deleted(192))] }, /^reliable: w, .* missed MODIFIED a 128/],
  [
    'skips the first change after the version that it resumed at',
    { ...sound, watches: [whole, watch('w', 64, deleted(192))] },
    /^reliable: w/,
  ],
  ['tells another value than the others', { ...sound, watches: [whole, watch('w', 0, { ...added(64), value: 'x' })] }, /^unique: w saw/],
  [
    'hides an acknowledged write',
    { ...sound, watches: [watch('w', 0, added(64), deleted(192))] },
    /^reliable: no watch told the acknowledged update/,
  ],
  [
    'is at a bookmark before what comes before it',
    { ...sound, watches: [whole, watch('w', 0, added(64), { type: 'BOOKMARK', version: 130n }, modified(128))] },
    /^bookmark: w saw MODIFIED 128 after the bookmark 130/,
  ],
  [
    'bookmarks past what it never tells',
    { ...sound, watches: [whole, watch('w', 64, { type: 'BOOKMARK', version: 130n })] },
    /^reliable: w/,
  ],
  [
    'disagrees with a list, which holds half a batch',
    { ...sound, snapshots: [...sound.snapshots.slice(0, 1), { version: 255n, objects: new Map([['a', { version: 64n, value: 'v64' }]]) }] },
    /^atomic: a in the list at 255/,
  ],
];

test.each(plantedInWatches)('a watch that %s is found', (_, planted, finding) => {
  expect(judgeWatches(planted)).toContainEqual(expect.stringMatching(finding));
});

const readAt = (at: number, from: number, to: number): Operation => operation({ do: 'get', at, from, to });
const refused = (verb: 'create' | 'update', expected: bigint | undefined, from: number, to: number): Operation =>
  operation({ do: verb, at: 999, from, to, ...(expected === undefined ? {} : { expected }), outcome: { is: 'refused' } });
const withOperations = (...operations: Operation[]): History => ({ ...sound, operations });

const plantedInOperations: readonly (readonly [string, History, RegExp])[] = [
  ['a stale read', withOperations(create, update, remove, readAt(64, 3.5, 3.6)), /a read of 64|the write 128 ended/],
  ['a read from the future', withOperations(create, update, remove, readAt(128, 0, 1.5)), /a read of 128 ended/],
  [
    'two reads that go back',
    withOperations(create, { ...update, endedMs: 9 }, { ...remove, endedMs: 9 }, readAt(128, 5, 6), readAt(64, 7, 8)),
    /a read of 128 ended/,
  ],
  ['a read of what nobody wrote', withOperations(create, update, remove, readAt(130, 2, 3)), /a read saw 130, which nobody wrote/],
  [
    'nothing read while the key was there',
    withOperations(create, update, remove, { ...readAt(0, 3.1, 3.2), outcome: { is: 'absent' } }),
    /found nothing while/,
  ],
  ['writes against real time', withOperations({ ...create, startedMs: 8, endedMs: 9 }, update, remove), /the write 128 ended before/],
  ['a lost update', withOperations(create, { ...update, expected: 63n }, remove), /update at 128 did not find what it insisted on, but 64/],
  ['a create over what was there', withOperations(create, { ...update, do: 'create' }, remove), /create at 128 did not find/],
  [
    'a refused write that took effect',
    withOperations(create, { ...update, outcome: { is: 'refused' } }, remove),
    /refused update took effect at 128/,
  ],
  ['a change that nobody asked for', withOperations(create, remove), /nobody wrote 128/],
  [
    'an acknowledged deletion that never was',
    { ...withOperations(create, update, remove), watches: [watch('w', 0, added(64), modified(128))] },
    /acknowledged deletion of 128 was not told/,
  ],
  ['a write that took effect twice', withOperations(create, { ...update, value: 'v64' }, remove), /nobody wrote 128/],
  [
    'an update refused for nothing',
    withOperations(create, update, remove, refused('update', 128n, 3.1, 3.2)),
    /update was refused while the key was at 128/,
  ],
  [
    'a create refused for nothing',
    withOperations(create, update, remove, refused('create', undefined, 6, 7)),
    /create was refused while the key was free/,
  ],
];

test.each(plantedInOperations)('%s is found', (_, planted, finding) => {
  expect(judgeOperations(planted)).toContainEqual(expect.stringMatching(finding));
});

const gap: Pick<History, 'watches' | 'snapshots'> = {
  // Nobody watched from 255 to 319.
  watches: [whole, watch('later', 319, added(384), deleted(448), { type: 'BOOKMARK', version: 511n })],
  snapshots: [],
};
const later = operation({ do: 'create', at: 384, from: 20, to: 21 });
const removeLater = operation({ do: 'delete', at: 448, from: 24, to: 25, expected: 384n, outcome: { is: 'removed' } });
const acrossGap = (...operations: Operation[]): History => ({
  ...sound,
  ...gap,
  operations: [create, update, remove, later, removeLater, ...operations],
});
const absentAt = (from: number, to: number): Operation => ({ ...readAt(0, from, to), outcome: { is: 'absent' } });

test.each<readonly [string, History]>([
  ['a read that found nothing in a stretch that nobody watched', acrossGap(absentAt(10, 11))],
  ['a create that was refused in a stretch that nobody watched', acrossGap(refused('create', undefined, 10, 11))],
  [
    'a deletion of what was made in a stretch that nobody watched',
    acrossGap(operation({ do: 'delete', at: 0, from: 12, to: 13, expected: 256n, outcome: { is: 'removed' } })),
  ],
  [
    'a busy server, whatever the key was',
    withOperations(create, update, remove, { ...refused('update', 128n, 3.1, 3.2), outcome: { is: 'unserved' } }),
  ],
])('%s is no fault', (_, history) => {
  expect(judgeOperations(history)).toEqual([]);
});

test.each<readonly [string, History, RegExp]>([
  ['that found nothing while the key was there', acrossGap(absentAt(22, 23)), /a read found nothing/],
  [
    'that was refused while the key was free',
    acrossGap(refused('create', undefined, 26, 27)),
    /a create was refused while the key was free/,
  ],
  [
    'that was acknowledged and never was',
    { ...acrossGap(), watches: [whole, watch('later', 319, added(384), { type: 'BOOKMARK', version: 511n })] },
    /acknowledged deletion of 384 was not told/,
  ],
])('after a stretch that nobody watched, one %s is found', (_, planted, finding) => {
  expect(judgeOperations(planted)).toContainEqual(expect.stringMatching(finding));
});

test('a write that was not sent and took effect all the same is found', () => {
  expect(judgeOperations(withOperations(create, { ...update, outcome: { is: 'unserved' } }, remove))).toContainEqual(
    expect.stringMatching(/refused update took effect at 128/),
  );
});

test('what did not come in its time is found', () => {
  expect(judgeWatches({ ...sound, stalls: ['no list was answered'] })).toEqual(['live: no list was answered']);
});

test('a history that was written to a file is the same when it is read', async () => {
  const { signal } = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'history-'));
  const unknown = { ...update, endedMs: Infinity, outcome: { is: 'unknown' } as const };
  const kept = { ...withOperations(create, unknown, remove), faults: [{ name: 'leader killed', startedMs: 1.5, endedMs: 2 }] };
  await saveHistory(join(directory, 'history.json'), kept, signal);
  expect(await readHistory(join(directory, 'history.json'), signal)).toEqual(kept);
  await rm(directory, { recursive: true });
});

test('a write that nobody knows the outcome of may take effect, later than it was given up, but once', () => {
  const unknown = { ...update, endedMs: Infinity, outcome: { is: 'unknown' } as const };
  expect(judgeOperations(withOperations(create, unknown, remove))).toEqual([]);
  const twice = { ...sound, watches: [watch('w', 0, added(64), { ...modified(128), value: 'x' }, { ...modified(192), value: 'x' })] };
  expect(judgeOperations({ ...twice, operations: [create, { ...unknown, value: 'x' }] })).toContainEqual(
    expect.stringMatching(/took effect twice/),
  );
});
