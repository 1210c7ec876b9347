import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../../test/prerequisites.ts';
import { realClock } from '../../test/programs/clock.ts';
import { startTestEtcd } from '../../test/programs/etcd.ts';
import { mustWrite } from './conformance.ts';
import { createEtcdClient } from './etcd-client.ts';
import { openEtcdStore } from './etcd.ts';
import { fullnessOfStore, type StoreRoom } from './room.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

const signal = AbortSignal.timeout(60_000);
const MIB = 2 ** 20;

test.each([
  { why: 'a small one with plenty left', room: { usedBytes: MIB, freeBytes: 256 * MIB, refuses: false }, is: 'HasRoom' },
  { why: 'a small one with little left', room: { usedBytes: MIB, freeBytes: 256 * MIB - 1, refuses: false }, is: 'NearlyFull' },
  {
    why: 'a large one that could not grow by an eighth',
    room: { usedBytes: 8000 * MIB, freeBytes: 999 * MIB, refuses: false },
    is: 'NearlyFull',
  },
  { why: 'one with next to nothing left', room: { usedBytes: MIB, freeBytes: 31 * MIB, refuses: false }, is: 'Full' },
  { why: 'one that refuses', room: { usedBytes: MIB, freeBytes: 999 * MIB, refuses: true }, is: 'Full' },
])('$why: $is', ({ room, is }) => {
  expect(fullnessOfStore(room)).toBe(is);
});

/** Some hundred kilobytes. */
async function fill(store: Store, from: number): Promise<void> {
  const values = Array.from({ length: 20 }, (_, at) => from + at);
  await Promise.all(values.map((at) => mustWrite(store, { do: 'create', key: `/k/${String(at)}`, value: 'x'.repeat(20_000) })));
}

/** What a store says of its room as soon as that is so, or after five seconds. */
async function roomWhen(store: Store, so: (room: StoreRoom) => boolean): Promise<StoreRoom | undefined> {
  for (let left = 50; ; left -= 1) {
    const room = await store.room?.(signal);
    if (left === 0 || (room !== undefined && so(room))) return room;
    await realClock.sleep(100, signal);
  }
}

test('a store in a file says how large that is and what its disk has left; one in memory says nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'room-'));
  const store = await openSqliteStore({ file: join(folder, 'store.db') }, signal);
  const before = await store.room?.(signal);
  await fill(store, 0);
  const after = await store.room?.(signal);
  expect(after?.usedBytes).toBeGreaterThan((before?.usedBytes ?? 0) + 300_000);
  expect(after?.freeBytes).toBeGreaterThan(0);
  await store.close();
  rmSync(folder, { recursive: true });
  const memory = await openSqliteStore({ file: ':memory:' }, signal);
  expect(await memory.room?.(signal)).toBeUndefined();
  await memory.close();
});

requires('etcd')('with a real etcd', () => {
  test('etcd says what is left of its quota, and that it refuses once that was used up', async () => {
    const quotaBytes = 16 * MIB;
    const etcd = await startTestEtcd(undefined, ['--quota-backend-bytes', String(quotaBytes)]);
    const client = createEtcdClient({ endpoints: [etcd.endpoint], clock: realClock });
    const store = await openEtcdStore({ endpoints: [etcd.endpoint], quotaBytes, clock: realClock }, signal);
    try {
      const room = await store.room?.(signal);
      expect(room).toMatchObject({ refuses: false });
      expect((room?.usedBytes ?? 0) + (room?.freeBytes ?? 0)).toBe(quotaBytes);
      for (let at = 0; at < 60; at += 1) await fill(store, at * 20);
      // This etcd counts no writes inside of nested transactions, as ours are, against its quota: that it is used up is to be seen nevertheless,
      // as soon as its file has grown, which it does a moment later.
      expect(await roomWhen(store, ({ freeBytes }) => freeBytes === 0)).toMatchObject({ freeBytes: 0 });
      await expect(client.write((kv, call) => kv.put({ key: Buffer.from('k'), value: Buffer.from('v') }, call))).rejects.toThrow(/no room/);
      // It raises its alarm a moment after the first refusal.
      expect(await roomWhen(store, ({ refuses }) => refuses)).toMatchObject({ refuses: true });
    } finally {
      client.close();
      await store.close();
      await etcd.end();
    }
  }, 60_000);
});
