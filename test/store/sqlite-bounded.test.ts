import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../server/store/sqlite.ts';

const signal = AbortSignal.timeout(600_000);
const MIB = 2 ** 20;
const OBJECTS = 50;
const VALUE_BYTES = 5000;
const UPDATES_A_ROUND = 200;
const ROUNDS = 60;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

test('a store file that is updated and compacted steadily stays as long as its objects and its newest history need, and so does its log', async () => {
  const file = join(directory, 'store.db');
  const store = await openSqliteStore({ file }, signal);
  const lengths: { readonly file: number; readonly log: number }[] = [];
  const update = async (at: number, before: bigint | undefined): Promise<bigint> => {
    const written = { key: `/${String(at)}`, value: String(lengths.length).padEnd(VALUE_BYTES, 'v') };
    const outcome = await store.write(
      before === undefined ? { do: 'create', ...written } : { do: 'replace', ...written, resourceVersion: before },
      signal,
    );
    if (!outcome.ok) throw new Error(`${written.key} was not written`);
    return outcome.resourceVersion;
  };
  let versions: readonly bigint[] = await Promise.all(Array.from({ length: OBJECTS }, (_, at) => update(at, undefined)));
  let earlier = await store.revision(signal);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let turn = 0; turn < UPDATES_A_ROUND / OBJECTS; turn += 1)
      versions = await Promise.all(versions.map((before, at) => update(at, before)));
    // As the server does: what was written since the round before is kept for watches.
    await store.compact(earlier, signal);
    earlier = await store.revision(signal);
    lengths.push({ file: (await stat(file)).size, log: (await stat(`${file}-wal`)).size });
  }
  const written = OBJECTS * VALUE_BYTES + ROUNDS * UPDATES_A_ROUND * VALUE_BYTES;
  const greatest = { file: Math.max(...lengths.map((each) => each.file)), log: Math.max(...lengths.map((each) => each.log)) };
  expect(written).toBeGreaterThan(50 * MIB);
  expect(greatest.file).toBeLessThan(10 * MIB);
  expect(greatest.log).toBeLessThan(20 * MIB);
  await store.close();
  expect((await stat(file)).size).toBeLessThan(10 * MIB);
}, 60_000);
