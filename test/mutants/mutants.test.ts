import { join } from 'node:path';
import { run, ROOT } from '../../hack/run.ts';
import { MUTANTS } from './all.ts';
import { seeded } from './mutant.ts';

/** Each hour's CI hunts for another part of them. */
const PARTS = 14;
const PART = Math.floor(Date.now() / 3_600_000) % PARTS;

test('there are enough seeded bugs, each under a name of its own', () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(25);
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

test('a seeded bug whose text is not there is an error, and so is one whose text is there twice', () => {
  const mutant = { name: 'none', why: '', file: 'a.ts', edits: [['one', 'two']], prey: [] } as const;
  expect(seeded(mutant, 'one three')).toBe('two three');
  expect(() => seeded(mutant, 'three')).toThrow('the seeded bug none does not apply: a.ts holds this 0 times');
  expect(() => seeded(mutant, 'one one')).toThrow('holds this 2 times');
});

test(`part ${PART} of ${PARTS} of the seeded bugs is found (node hack/mutants.ts --part ${PART}/${PARTS})`, async () => {
  const args = ['--disable-warning=ExperimentalWarning', join(ROOT, 'hack/mutants.ts'), '--part', `${PART}/${PARTS}`];
  const { code, stdout, stderr } = await run(process.execPath, args, {}, new AbortController().signal);
  expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
}, 600_000);
