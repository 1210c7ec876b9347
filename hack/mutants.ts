import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { MUTANTS, type Mutant } from '../test/simulation/mutants.ts';
import { ROOT } from './run.ts';

// node hack/mutants.ts [NAME…]: runs the simulation against each seeded bug, and tells which it finds.

interface Verdict {
  readonly mutant: Mutant;
  readonly killed: boolean;
  readonly by: string;
  readonly seconds: number;
}

/** A hunt that takes longer than a whole one needs on a slow machine has found nothing. */
const PATIENCE_MS = 1_200_000;
const WANTED = 0.95;

function hunt(mutant: Mutant): Promise<Verdict> {
  const beganMs = performance.now();
  return new Promise((resolve) => {
    const args = [
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(ROOT, 'hack/mutate.ts'),
      join(ROOT, 'hack/simulate.ts'),
      '--hunt',
    ];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, LENTICULAR_MUTANT: mutant.name },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString('utf8')));
    child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString('utf8')));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, PATIENCE_MS);
    child.on('close', (code) => {
      clearTimeout(timer);
      const by = late ? 'it did not come to an end' : (/^FOUND (.*)$/m.exec(said)?.[1] ?? said.trim().split('\n').at(-1) ?? '');
      resolve({ mutant, killed: code !== 0 && !late, by, seconds: (performance.now() - beganMs) / 1000 });
    });
  });
}

const names = process.argv.slice(2);
const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name));
const waiting = chosen.values();
const verdicts: Verdict[] = [];
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (const mutant of waiting) {
      const verdict = await hunt(mutant);
      verdicts.push(verdict);
      console.log(
        `${verdict.killed ? 'killed  ' : 'SURVIVED'} ${verdict.seconds.toFixed(0).padStart(4)} s  ${mutant.name}: ${verdict.by.slice(0, 200)}`,
      );
    }
  }),
);
const killed = verdicts.filter((verdict) => verdict.killed).length;
console.log(`${killed} of ${verdicts.length} seeded bugs are found`);
process.exitCode = killed >= WANTED * verdicts.length ? 0 : 1;
