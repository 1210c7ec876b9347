import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import { requires } from '../prerequisites.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(600_000);
const writer = fileURLToPath(new URL('../programs/store-writer.ts', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

requires('strace')('the SQLite store on a disk that fails', () => {
  // One failed sync is undone when the file is closed; where the next one fails too, the log keeps what it holds.
  test.each([
    ['fdatasync,fsync:error=EIO:when=30+9', 'lost'],
    ['fdatasync,fsync:error=ENOSPC:when=30+9', 'lost'],
    ['pwrite64:error=EIO:when=60+47', 'lost'],
    ['fdatasync,fsync:error=EIO:when=30..45', 'durable'],
  ])(
    'with %s injected, a write of unknown outcome reads as %s, writes go on by themselves and a watch tells exactly what is there',
    async (fault, outcome) => {
      const file = join(directory, 'store.db');
      const calls = fault.split(':', 1).join('');
      const strace = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${fault}`];
      const node = [process.execPath, '--disable-warning=ExperimentalWarning', writer, file, '60'];
      const { stdout } = await run('strace', [...strace, ...node], { timeout: 50_000 });
      const lines = stdout.split('\n');
      const acknowledged = lines.filter((line) => line.startsWith('/'));
      const told = lines.filter((line) => line.startsWith('event ')).map((line) => line.slice('event '.length));
      const store = await openSqliteStore({ file }, signal);
      const { objects } = await store.list('', signal);
      await store.close();
      const byVersion = objects.toSorted((a, b) => Number(a.resourceVersion - b.resourceVersion)).map((object) => object.key);
      expect(acknowledged).toHaveLength(60);
      const unknown = lines.filter((line) => line === 'failed Timeout').length;
      expect(unknown).toBeGreaterThan(0);
      expect(lines.filter((line) => line.startsWith(`${outcome} `))).toHaveLength(unknown);
      expect(lines.filter((line) => line.startsWith('doubled '))).toEqual([]);
      expect(byVersion).toEqual(acknowledged);
      expect(told).toEqual(byVersion);
    },
    60_000,
  );

  test('on a full filesystem writes are refused with a time to retry, reads go on, and writes work again when there is room', async () => {
    const [image, disk] = [join(directory, 'image'), join(directory, 'disk')];
    await run('truncate', ['-s', '16M', image]);
    await run('mkfs.ext4', ['-q', '-F', image]);
    await mkdir(disk);
    await run('mount', ['-o', 'loop', image, disk]);
    try {
      const store = await openSqliteStore({ file: join(disk, 'data', 'store.db') }, signal);
      const create = (key: string): Promise<unknown> => store.write({ do: 'create', key, value: 'v'.repeat(50_000) }, signal);
      await create('/first');
      await writeFile(join(disk, 'filler'), Buffer.alloc(12 * 1024 * 1024));
      const failures: unknown[] = [];
      for (let at = 0; at < 20; at += 1) {
        const results = await Promise.allSettled(Array.from({ length: 16 }, (_, part) => create(`/${String(at)}/${String(part)}`)));
        failures.push(...results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])));
      }
      expect(failures.at(-1)).toMatchObject({ reason: 'ServiceUnavailable', details: { retryAfterSeconds: 1 } });
      expect((await store.get('/first', signal))?.key).toBe('/first');
      await rm(join(disk, 'filler'));
      await expect(create('/after')).resolves.toMatchObject({ ok: true });
      await store.close();
    } finally {
      await run('umount', ['-l', disk]);
    }
  }, 60_000);
});
