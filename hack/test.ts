import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CheckResult } from './check.ts';
import { bringPrerequisites } from './prerequisites.ts';
import { ROOT, run } from './run.ts';
import { NOTHING, sum, tallyOfChecks, tallyOfJest, totalLine, type JestReport, type Tally } from './tally.ts';

const PARTS = ['check', 'unit', 'system'] as const;
type Part = (typeof PARTS)[number];

async function readJson(path: string): Promise<unknown> {
  return readFile(path, 'utf8').then(JSON.parse, () => undefined);
}

async function runCheck(folder: string, signal: AbortSignal): Promise<Tally> {
  const file = join(folder, 'check.json');
  const { code } = await run(process.execPath, [join(ROOT, 'hack/check.ts'), `--results=${file}`], { show: true }, signal);
  return tallyOfChecks((await readJson(file)) as readonly CheckResult[] | undefined, code);
}

async function runJest(part: 'unit' | 'system', wanted: readonly string[], folder: string, signal: AbortSignal): Promise<Tally> {
  const file = join(folder, `${part}.json`);
  // A whole system needs the machine for itself.
  const pace = part === 'system' ? ['--runInBand', '--testTimeout=60000'] : [`--maxWorkers=${availableParallelism()}`];
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', join(ROOT, 'node_modules/jest/bin/jest.js')];
  const jest = ['--selectProjects', part, '--passWithNoTests', '--json', `--outputFile=${file}`, ...pace, ...wanted];
  const { code } = await run(process.execPath, [...node, ...jest], { show: true }, signal);
  return tallyOfJest((await readJson(file)) as JestReport | undefined, code);
}

/** Runs the wanted parts one after another; words that name no part go to jest as they are. */
async function test(words: readonly string[], signal: AbortSignal): Promise<Tally> {
  const isPart = (word: string): word is Part => PARTS.some((part) => part === word);
  const named = words.filter(isPart);
  const wanted = words.filter((word) => !isPart(word));
  const parts = named.length > 0 ? named : PARTS.filter((part) => part !== 'check' || wanted.length === 0);
  const folder = await mkdtemp(join(tmpdir(), 'lenticular-test-'));
  const seconds: string[] = [];
  const tallies: Tally[] = [];
  const timed = async (name: string, work: () => Promise<void>) => {
    const start = performance.now();
    console.log(`\n== ${name}`);
    await work();
    seconds.push(`${name} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  };
  try {
    if (parts.some((part) => part !== 'check')) await timed('prerequisites', () => bringPrerequisites(signal));
    for (const part of parts) {
      await timed(part, async () => {
        tallies.push(part === 'check' ? await runCheck(folder, signal) : await runJest(part, wanted, folder, signal));
      });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const total = tallies.reduce(sum, NOTHING);
  const slowest = total.files.toSorted((a, b) => b.ms - a.ms).slice(0, 5);
  console.log(`\nTime of each part: ${seconds.join(', ')}`);
  for (const { name, ms } of slowest) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${name.replace(`${ROOT}/`, '')}`);
  return total;
}

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort();
});
const total = await test(process.argv.slice(2), interrupted.signal);
for (const name of total.skipped) console.log(`skipped: ${name}`);
const { line, good } = totalLine(total, { ci: process.env.CI === 'true' });
console.log(`\n${line}`);
process.exitCode = good ? 0 : 1;
