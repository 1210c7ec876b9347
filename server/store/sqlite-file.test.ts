import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { openSqliteStore } from './sqlite.ts';

const signal = AbortSignal.timeout(600_000);
let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-'));
  file = join(directory, 'data', 'store.db');
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

interface Writer {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** Resolves when so many lines were printed; rejects when the process ends before. */
  printed(count: number): Promise<void>;
}

function startWriter(wrapper: readonly string[] = [], errors: 'inherit' | 'ignore' = 'inherit'): Writer {
  const script = fileURLToPath(new URL('../../test/programs/store-writer.ts', import.meta.url));
  const child = spawn('env', [...wrapper, process.execPath, '--disable-warning=ExperimentalWarning', script, file], {
    stdio: ['ignore', 'pipe', errors],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  let closed = false;
  let wake = (): void => undefined;
  reader.on('line', (line) => {
    lines.push(line);
    wake();
  });
  reader.on('close', () => {
    closed = true;
    wake();
  });
  return {
    child,
    lines,
    printed: async (count) => {
      while (lines.length < count) {
        if (closed) throw new Error(`the writer ended after ${String(lines.length)} lines`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

async function killed(writer: Writer): Promise<void> {
  const closed = once(writer.child, 'close');
  writer.child.kill('SIGKILL');
  await closed;
}

test('whatever was acknowledged before kill -9 is there afterwards, and versions go on', async () => {
  let revision = 0n;
  for (let round = 0; round < 5; round += 1) {
    const writer = startWriter();
    await writer.printed(20 + 17 * round);
    await killed(writer);
    const store = await openSqliteStore({ file }, signal);
    const keys = new Set((await store.list('', signal)).objects.map((object) => object.key));
    const acknowledged = writer.lines.filter((line) => line.startsWith('/'));
    expect(acknowledged.length).toBeGreaterThanOrEqual(19);
    expect(acknowledged.filter((key) => !keys.has(key))).toEqual([]);
    expect(await store.revision(signal)).toBeGreaterThan(revision);
    revision = await store.revision(signal);
    await store.close();
  }
}, 30_000);

test('a second process is refused while the first lives, and let in when it was killed', async () => {
  const writer = startWriter();
  await writer.printed(1);
  const refused = {
    name: 'ApiError',
    reason: 'ServiceUnavailable',
    message: expect.stringContaining('in use by another process') as string,
  };
  await expect(openSqliteStore({ file }, signal)).rejects.toMatchObject(refused);
  await writer.printed(5);
  await killed(writer);
  const store = await openSqliteStore({ file }, signal);
  await expect(openSqliteStore({ file }, signal)).rejects.toMatchObject(refused);
  // The refused opening must not have taken the first one's lock away.
  const late = startWriter([], 'ignore');
  late.child.stdout?.resume();
  expect((await once(late.child, 'close'))[0]).not.toBe(0);
  await store.close();
}, 30_000);

test('when the disk takes no more, no write is acknowledged that is not there afterwards', async () => {
  const writer = startWriter(['prlimit', '--fsize=400000']);
  await once(writer.child, 'close');
  const acknowledged = writer.lines.filter((line) => line.startsWith('/'));
  expect(acknowledged.length).toBeGreaterThan(10);
  expect(writer.lines.at(-1)).toMatch(/^failed (Timeout|ServiceUnavailable) (Timeout|ServiceUnavailable)$/);
  const store = await openSqliteStore({ file }, signal);
  const keys = (await store.list('', signal)).objects.map((object) => object.key);
  expect(acknowledged.filter((key) => !keys.includes(key))).toEqual([]);
  await store.close();
});

test('the file, its log and its lock are private, and so is the directory', async () => {
  const store = await openSqliteStore({ file }, signal);
  await store.write({ do: 'create', key: '/k', value: '' }, signal);
  const modes = await Promise.all(
    [file, `${file}-wal`, `${file}.lock`, join(directory, 'data')].map(async (path) => (await stat(path)).mode & 0o777),
  );
  expect(modes).toEqual([0o600, 0o600, 0o600, 0o700]);
  await store.close();
});

test.each([
  ['a text', Buffer.from('these are not the bytes of a database\n'.repeat(100))],
  ['a short text', Buffer.from('x')],
])('%s is refused and left as it was', async (_, content) => {
  file = join(directory, 'notes.txt');
  await writeFile(file, content);
  await expect(openSqliteStore({ file }, signal)).rejects.toMatchObject({
    name: 'ApiError',
    reason: 'InternalError',
    message: expect.stringContaining(`${file} is not a store`) as string,
  });
  expect(await readFile(file)).toEqual(content);
});

test("another program's database and one of a newer version are refused", async () => {
  file = join(directory, 'other.db');
  const other = new DatabaseSync(file);
  other.exec('CREATE TABLE current (key TEXT)');
  await expect(openSqliteStore({ file }, signal)).rejects.toMatchObject({ reason: 'InternalError' });
  other.exec(`PRAGMA application_id = ${String(0x4c454e54)}; PRAGMA user_version = 99`);
  await expect(openSqliteStore({ file }, signal)).rejects.toMatchObject({
    reason: 'InternalError',
    message: expect.stringContaining('newer version') as string,
  });
  other.close();
});

test('a store of the first format keeps its objects, and forgets the history that does not say what was replaced', async () => {
  const old = await openSqliteStore({ file }, signal);
  const created = await old.write({ do: 'create', key: '/k', value: '1' }, signal);
  await old.close();
  const database = new DatabaseSync(file);
  database.exec('ALTER TABLE history DROP COLUMN before; PRAGMA user_version = 1');
  database.close();
  const store = await openSqliteStore({ file }, signal);
  const resourceVersion = created.ok ? created.resourceVersion : 0n;
  const object = { key: '/k', value: '1', resourceVersion };
  expect((await store.list('', signal)).objects).toEqual([object]);
  await expect(store.watch('', 0n, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'Expired' });
  await store.write({ do: 'replace', key: '/k', value: '2', resourceVersion }, signal);
  expect(await Array.fromAsync(store.recall(10, signal))).toEqual([{ resourceVersion: resourceVersion | 63n, objects: [object] }]);
  await store.close();
});

test('compaction gives the room of forgotten history back to the disk', async () => {
  const store = await openSqliteStore({ file }, signal);
  let resourceVersion: bigint | undefined;
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        store.write({ do: 'create', key: `/${String(round)}/${String(at)}`, value: 'v'.repeat(5000) }, signal),
      ),
    );
  }
  for (const object of (await store.list('', signal)).objects) {
    await store.write({ do: 'remove', key: object.key, resourceVersion: object.resourceVersion }, signal);
    ({ resourceVersion } = object);
  }
  expect(resourceVersion).toBeDefined();
  await store.compact(await store.revision(signal), signal);
  await store.close();
  expect((await stat(file)).size).toBeLessThan(2_000_000);
}, 20_000);

test('a store whose file is damaged under it rejects the call, ends its watches and refuses what comes after', async () => {
  const first = await openSqliteStore({ file }, signal);
  await Promise.all(
    Array.from({ length: 100 }, (_, at) => first.write({ do: 'create', key: `/${String(at)}`, value: 'v'.repeat(5000) }, signal)),
  );
  const revision = await first.revision(signal);
  await first.close();
  const store = await openSqliteStore({ file }, signal);
  const watched = store.watch('', revision, signal)[Symbol.asyncIterator]().next();
  await store.revision(signal);
  await truncate(file, 20_000);
  await expect(store.list('', signal)).rejects.toMatchObject({ name: 'ApiError', reason: 'ServiceUnavailable' });
  await expect(watched).rejects.toMatchObject({ name: 'ApiError', reason: 'ServiceUnavailable' });
  await expect(store.write({ do: 'create', key: '/k', value: '' }, signal)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  await store.close();
});
