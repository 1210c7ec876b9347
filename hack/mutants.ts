import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTANTS } from '../test/mutants/all.ts';
import { seeded, type Mutant } from '../test/mutants/mutant.ts';
import { ROOT, run } from './run.ts';

// node hack/mutants.ts [--only NAME] [--part K/N] [--processes P]: hunts for each seeded bug with the simulation, and tells which are found, and by what.

/** How a hunt ended. */
interface Verdict {
  readonly mutant: Mutant;
  readonly killed: boolean;
  readonly by: string;
  readonly seconds: number;
}

/** No run of a simulation takes so long, on the slowest machine: what does, goes round and round. */
const PATIENCE_MS = 120_000;
const WANTED = 0.95;
const { signal } = new AbortController();

/** The first test that fails with the bug; undefined: none does. */
async function failingTest({ name, suites = [] }: Mutant): Promise<string | undefined> {
  if (suites.length === 0) return undefined;
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', join(ROOT, 'node_modules/jest/bin/jest.js')];
  const { code, stdout, stderr } = await run(
    process.execPath,
    [...node, '--ci', '--forceExit', ...suites],
    { env: { LENTICULAR_MUTANT: name } },
    signal,
  );
  if (code === 0) return undefined;
  const failed = /^ {2}● (?!Console$)(.*)$/m.exec(stdout + stderr)?.[1];
  if (failed === undefined || failed.startsWith('Test suite failed to run'))
    throw new Error(`the tests for ${name} could not be run: ${stderr}`);
  return failed;
}

/** Hunts for a bug: with the tests that it names, and else with the simulation. */
async function hunt(mutant: Mutant): Promise<Verdict> {
  const beganMs = performance.now();
  const test = await failingTest(mutant);
  return test === undefined ? simulate(mutant) : { mutant, killed: true, by: test, seconds: (performance.now() - beganMs) / 1000 };
}

/** Hunts in a process of its own, in which the bug's file is loaded with the bug. */
function simulate(mutant: Mutant): Promise<Verdict> {
  const beganMs = performance.now();
  const flags = ['--disable-warning=ExperimentalWarning', '--import', join(ROOT, 'hack/mutate.ts')];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, join(ROOT, 'hack/hunt.ts'), ...mutant.prey], {
      env: { ...process.env, LENTICULAR_MUTANT: mutant.name },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let hangs = false;
    const giveUp = (): void => {
      hangs = true;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(giveUp, PATIENCE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        said = (said + bytes.toString('utf8')).slice(-10_000);
        clearTimeout(timer);
        timer = setTimeout(giveUp, PATIENCE_MS);
      });
    }
    child.on('close', (code) => {
      clearTimeout(timer);
      const last = said.trim().split('\n').at(-1) ?? '';
      const found = hangs ? `a run that does not end, after ${last}` : /^FOUND (.*)$/m.exec(said)?.[1];
      // A program that cannot even be run is no bug that somebody might make.
      if (found === undefined && code !== 0) reject(new Error(`the hunt for ${mutant.name} failed: ${said}`));
      resolve({ mutant, killed: found !== undefined, by: found ?? 'nothing', seconds: (performance.now() - beganMs) / 1000 });
    });
  });
}

function chosen(only: string | undefined, sample: string | undefined): readonly Mutant[] {
  const [part = 0, parts = 1] = (sample ?? '0/1').split('/').map(Number);
  const mine = MUTANTS.filter(({ name }, at) => (only === undefined ? at % parts === part % parts : name === only));
  if (mine.length === 0) throw new Error(`there is no such seeded bug; there are ${MUTANTS.map(({ name }) => name).join(', ')}`);
  return mine;
}

/** All of them must apply, and not only those that are hunted: what does not is an error, and never a bug that was found. */
async function checkAll(): Promise<void> {
  for (const mutant of MUTANTS) seeded(mutant, await readFile(join(ROOT, mutant.file), 'utf8'));
}

const { values } = parseArgs({ options: { only: { type: 'string' }, part: { type: 'string' }, processes: { type: 'string' } } });
await checkAll();
const mutants = chosen(values.only, values.part);
const waiting = mutants.values();
const verdicts: Verdict[] = [];
await Promise.all(
  Array.from({ length: Number(values.processes ?? availableParallelism()) }, async () => {
    for (const mutant of waiting) {
      const verdict = await hunt(mutant);
      const { killed, by, seconds } = verdict;
      verdicts.push(verdict);
      console.log(`${killed ? 'killed  ' : 'SURVIVED'} ${seconds.toFixed(0).padStart(4)} s  ${mutant.name}: ${by.slice(0, 300)}`);
    }
  }),
);
const killed = verdicts.filter((verdict) => verdict.killed).length;
console.log(`${killed} of ${verdicts.length} seeded bugs are found: ${((100 * killed) / verdicts.length).toFixed(0)} %`);
process.exitCode = killed >= WANTED * verdicts.length ? 0 : 1;
