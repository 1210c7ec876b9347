import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { openFileTarget, openFileSnapshot, retireFile, verifyBackup, writeBackup } from './snapshot-file.ts';
import { highestVersion, raise, type Snapshot, type SnapshotHeader, type SnapshotObject } from './snapshot.ts';
import { openSqliteStore } from './sqlite.ts';

const signal = AbortSignal.timeout(60_000);
const header: SnapshotHeader = { installation: '6f3f1f0e-6c1d-4a3e-9d0f-0d1f5b7f7a11', incarnation: 3, offset: 128n, revision: 7n };
const NOW = 1_800_000_000_000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test.each([
  ['a young store', header, undefined, NOW],
  ['a target that remembers more', header, { ...header, incarnation: NOW + 9, offset: 2n ** 60n }, NOW + 10],
  ['a store ahead of the clock', { ...header, incarnation: NOW + 3, offset: 2n ** 61n }, undefined, NOW + 4],
])('the copy of %s is above all that was given, in versions and in incarnation', (_, source, remaining, incarnation) => {
  const copy = raise(source, remaining, NOW);
  expect(copy.incarnation).toBe(incarnation);
  expect(copy.offset).toBeGreaterThan(highestVersion(source));
  expect(copy.offset).toBeGreaterThan(remaining === undefined ? 0n : highestVersion(remaining));
  expect(copy.offset % 64n).toBe(0n);
});

test('a second restore of one backup is above the first one, in incarnation and in what it gave meanwhile', () => {
  const first = raise(header, undefined, NOW);
  const second = raise(header, undefined, NOW + 1000);
  expect(second.incarnation).toBeGreaterThan(first.incarnation);
  expect(second.offset).toBeGreaterThan(highestVersion({ ...first, revision: header.revision + 10_000n }));
});

function snapshotOf(count: number, failAt = Infinity): Snapshot {
  return {
    header,

    async *pages() {
      for (let at = 0; at < count; at += 1) {
        if (at === failAt) throw new Error('the source broke');
        yield [{ key: `k${String(at).padStart(4, '0')}`, value: `"\u{1f600} ${String(at)}"`, version: BigInt(at) }];
      }
    },
  };
}

async function objectsOf(snapshot: Snapshot): Promise<readonly SnapshotObject[]> {
  const objects: SnapshotObject[] = [];
  for await (const page of snapshot.pages(signal)) objects.push(...page);
  return objects;
}

test('a backup holds every object with its version, and says whose it is', async () => {
  const file = join(folder, 'b');
  await writeBackup(snapshotOf(400), file, NOW, signal);
  expect(await verifyBackup(file, signal)).toMatchObject({ takenAt: NOW, objects: 400 });
  const snapshot = openFileSnapshot(file);
  expect(snapshot.header).toEqual(header);
  expect(await objectsOf(snapshot)).toEqual(await objectsOf(snapshotOf(400)));
  snapshot.close();
  await expect(writeBackup(snapshotOf(1), file, NOW, signal)).rejects.toMatchObject({ reason: 'AlreadyExists' });
});

test('a copy whose source breaks leaves nothing', async () => {
  const file = join(folder, 'store.db');
  const target = openFileTarget(file);
  await expect(target.write(snapshotOf(10, 5), signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  target.release();
  expect([existsSync(file), existsSync(`${file}.tmp`)]).toEqual([false, false]);
});

test('an empty store is replaced, its log with it, and the copy serves', async () => {
  const file = join(folder, 'store.db');
  const empty = await openSqliteStore({ file }, signal);
  await empty.close();
  const target = openFileTarget(file);
  expect(target.remaining).toMatchObject({ incarnation: 1, revision: 0n });
  await target.write(snapshotOf(3), signal);
  target.release();
  const store = await openSqliteStore({ file }, signal);
  expect((await store.list('', signal)).objects).toHaveLength(3);
  expect(await store.write({ do: 'create', key: 'new', value: '1' }, signal)).toEqual({ ok: true, resourceVersion: 128n + 8n * 64n });
  await store.close();
  expect(() => openFileTarget(file)).toThrow('holds objects');
  const retired = retireFile(file);
  retired.close();
  retired.release();
  await expect(openSqliteStore({ file }, signal)).rejects.toThrow('was moved');
});
