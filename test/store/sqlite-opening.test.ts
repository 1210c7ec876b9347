import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openSqliteStore } from '../../server/store/sqlite.ts';
import { eventually, run } from '../cloud.ts';
import { requires } from '../prerequisites.ts';

const signal = AbortSignal.timeout(600_000);
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'];
const WRITER = fileURLToPath(new URL('../programs/store-writer.ts', import.meta.url));
let directory: string;
let file: string;

/** What runs a program with a fault in its system calls, on the files of the store alone. */
function injected(fault: string): readonly string[] {
  const calls = fault.split(':', 1).join('');
  const paths = ['', '-journal', '-wal', '-shm', '.lock', '.tmp', '.tmp-journal'].flatMap((suffix) => ['-P', `${file}${suffix}`]);
  return ['-f', '-qq', '-o', '/dev/null', ...paths, '-e', `trace=${calls}`, '-e', `inject=${fault}`];
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-'));
  file = join(directory, 'store.db');
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

requires('strace')('the SQLite store on a disk that fails while it is opened', () => {
  const pwrites = [1, 4, 8].map((at) => `pwrite64:error=EIO:when=${String(at)}`);
  const full = [3].map((at) => `pwrite64:error=ENOSPC:when=${String(at)}+1`);
  const syncs = [1, 3].map((at) => `fdatasync,fsync:error=EIO:when=${String(at)}`);
  test.each([...pwrites, ...full, ...syncs, 'openat:error=EACCES:when=4', 'rename:error=EIO:when=1'])(
    'with %s injected, the opening fails with one error or not at all, ends, and leaves nothing that the next one minds',
    async (fault) => {
      const { stdout } = await run('strace', [...injected(fault), ...NODE, WRITER, file, '1']);
      const written = stdout.split('\n').includes('/0');
      if (!written) expect(stdout).toMatch(/^refused ServiceUnavailable the store .* cannot be opened: .*\n$/);
      const store = await openSqliteStore({ file }, signal);
      expect((await store.list('', signal)).objects.map(({ key }) => key)).toEqual(written ? ['/0'] : []);
      await expect(store.write({ do: 'create', key: '/after', value: '' }, signal)).resolves.toMatchObject({ ok: true });
      await store.close();
    },
    30_000,
  );

  test('cloudd says it in one sentence and ends', async () => {
    const cloudd = ['cmd/cloudd/main.ts', 'apiserver', '--data-dir', directory, '--port', '0'];
    const { code, stderr } = await run('strace', [...injected('pwrite64:error=EIO:when=1+1'), ...NODE, ...cloudd]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: the store ${file} cannot be opened: disk I/O error; see to its disk and rights, then start this program again\n`,
    );
  }, 30_000);

  test('no other process gets hold of it while it is opened again and again', async () => {
    // A group of its own, because a strace that is killed lets its program run on.
    const argv = [...injected('fdatasync,fsync:error=EIO:when=30+1'), ...NODE, WRITER, file, '60'];
    const writer = spawn('strace', argv, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const gone = once(writer, 'exit');
    let unread = 0;
    createInterface({ input: writer.stdout }).on('line', (line) => {
      if (line.startsWith('unread ')) unread += 1;
    });
    try {
      await eventually('the store is being opened again', 30_000, () => unread > 2 || undefined);
      const before = unread;
      for (let tried = 0; tried < 30; tried += 1) {
        const opened = openSqliteStore({ file }, signal).then((store) => store.close());
        await expect(opened).rejects.toMatchObject({ message: expect.stringContaining('in use by') as string });
        await delay(7);
      }
      await eventually('it was opened again meanwhile', 30_000, () => unread > before + 2 || undefined);
    } finally {
      process.kill(-(writer.pid ?? 0), 'SIGKILL');
      await gone;
    }
  }, 60_000);
});
