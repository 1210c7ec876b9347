import { join } from 'node:path';
import swc from '@swc/jest';
import { MUTANTS } from '../test/mutants/all.ts';
import { seeded } from '../test/mutants/mutant.ts';
import { ROOT } from './run.ts';

type Transformer = ReturnType<typeof swc.createTransformer>;

const mutant = MUTANTS.find(({ name }) => name === process.env.LENTICULAR_MUTANT);
if (mutant === undefined) throw new Error(`there is no seeded bug ${process.env.LENTICULAR_MUTANT ?? ''}`);
const file = join(ROOT, mutant.file);
const withBug = (source: string, path: string): string => (path === file ? seeded(mutant, source) : source);

/** What jest loads modules with where LENTICULAR_MUTANT names a seeded bug: its file has the bug, and stays on the disk as it is. */
export function createTransformer(options: Parameters<typeof swc.createTransformer>[0]): Transformer {
  const plain = swc.createTransformer(options);
  const { process: transform, processAsync: transformAsync, getCacheKey } = plain;
  return {
    ...plain,
    process: (source, path, how) => transform?.(withBug(source, path), path, how) ?? { code: source },
    ...(transformAsync !== undefined && { processAsync: (source, path, how) => transformAsync(withBug(source, path), path, how) }),
    ...(getCacheKey !== undefined && { getCacheKey: (source, path, how) => getCacheKey(withBug(source, path), path, how) }),
  };
}
