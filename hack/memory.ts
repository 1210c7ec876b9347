import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ROOT, run } from './run.ts';

// Prints what cloudd and its drivers take, started by `npm start` on an empty data folder: node hack/memory.ts [--sample NAME] [--cold]

/** One process, in MiB: all that is resident, and of it what is its own and what is pages of files, such as Node's program. */
interface Taken {
  readonly what: string;
  readonly rss: number;
  readonly anonymous: number;
  readonly file: number;
}

const READY_MS = 120_000;
/** What the start has left behind is collected by then. */
const SETTLE_MS = 5_000;

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

async function argumentsOf(pid: number): Promise<readonly string[]> {
  return (await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '')).split('\0');
}

/** Finds cloudd below the npm that started it. */
async function clouddBelow(pid: number): Promise<number | undefined> {
  if ((await argumentsOf(pid)).includes('cmd/cloudd/main.ts')) return pid;
  for (const child of await childrenOf(pid)) {
    const found = await clouddBelow(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function takenBy(pid: number): Promise<Taken> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  const mib = (field: string) => Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024);
  const words = await argumentsOf(pid);
  const role = words.slice(words.findIndex((word) => word.endsWith('main.ts')) + 1);
  return {
    what: ['cloudd', ...role.slice(0, role[0] === 'driver' ? 2 : 1)].join(' '),
    rss: mib('VmRSS'),
    anonymous: mib('RssAnon'),
    file: mib('RssFile'),
  };
}

/** Resolves when cloudd says that it is done with its start; rejects with its words where it ends before. */
function started(npm: ChildProcess): Promise<void> {
  let output = '';
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`cloudd is not ready:\n${output}`));
    }, READY_MS);
    npm.stdout?.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      if (!output.includes('Next, in another terminal:')) return;
      clearTimeout(late);
      resolve();
    });
    npm.once('error', reject);
    npm.once('exit', () => {
      clearTimeout(late);
      reject(new Error(`cloudd ended:\n${output}`));
    });
  });
}

/** Takes the sample down again: machines outlive cloudd, and these would run on without their files. */
async function takeDown(sample: string, dataDir: string, signal: AbortSignal): Promise<void> {
  if (sample === 'none') return;
  const words = ['delete', '-f', `manifests/samples/${sample}.yaml`, '--ignore-not-found', '--timeout', '60s'];
  const { code, stderr } = await run(
    process.execPath,
    [join(ROOT, 'cmd/cloudctl/main.ts'), '--kubeconfig', join(dataDir, 'kubeconfig'), ...words],
    {},
    signal,
  );
  if (code !== 0) throw new Error(`the sample is still there; its machines may run on: ${stderr}`);
}

async function measure(sample: string, dataDir: string, signal: AbortSignal): Promise<readonly Taken[]> {
  const npm = spawn('npm', ['start', '--silent', '--', '--data-dir', dataDir, '--port', '0', '--sample', sample], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => npm.once('close', resolve));
  try {
    await started(npm);
    await delay(SETTLE_MS);
    const cloudd = await clouddBelow(npm.pid ?? 0);
    if (cloudd === undefined) throw new Error('cloudd is not there');
    return await Promise.all([cloudd, ...(await childrenOf(cloudd))].map(takenBy));
  } finally {
    const cloudd = await clouddBelow(npm.pid ?? 0);
    try {
      if (cloudd !== undefined) await takeDown(sample, dataDir, signal);
    } finally {
      if (cloudd !== undefined) process.kill(cloudd, 'SIGINT');
      await ended;
    }
  }
}

const { signal } = new AbortController();
const { values } = parseArgs({ options: { sample: { type: 'string', default: 'quickstart' }, cold: { type: 'boolean', default: false } } });
// As after a fresh clone: nothing is stripped or compiled yet.
if (values.cold) await rm(join(ROOT, 'node_modules/.cache/compile'), { recursive: true, force: true });
const dataDir = await mkdtemp(join(tmpdir(), 'lenticular-memory-'));
if (values.sample === 'qemu') {
  const images = join(dataDir, 'drivers/qemu/images');
  const { code, stderr } = await run(process.execPath, [join(ROOT, 'hack/guest.ts'), images], {}, signal);
  if (code !== 0) throw new Error(stderr);
}
const processes = await measure(values.sample, dataDir, signal);
console.table(processes.map(({ what, rss, anonymous, file }) => ({ process: what, 'RSS MiB': rss, RssAnon: anonymous, RssFile: file })));
console.log(`together ${String(processes.reduce((sum, { rss }) => sum + rss, 0))} MiB`);
// Only now: after an error above, machines may still need what is there.
await rm(dataDir, { recursive: true, force: true });
