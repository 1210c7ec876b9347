import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeConformance } from './conformance.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

const signal = AbortSignal.timeout(600_000);

storeConformance('in memory', async () => {
  const store = await openSqliteStore({ file: ':memory:' }, signal);
  return { store, close: () => store.close() };
});

storeConformance('in an SQLite file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  const file = join(directory, 'data', 'store.db');
  let open: Store = await openSqliteStore({ file }, signal);
  return {
    store: open,
    reopen: async () => {
      await open.close();
      open = await openSqliteStore({ file }, signal);
      return open;
    },
    close: async () => {
      await open.close();
      await rm(directory, { recursive: true });
    },
  };
});
