import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { MUTANTS } from '../test/mutants/all.ts';
import { seeded } from '../test/mutants/mutant.ts';
import { ROOT } from './run.ts';

// node --import ./hack/mutate.ts …, with the mutant's name in LENTICULAR_MUTANT: its file is loaded changed, and stays on the disk as it is.
const mutant = MUTANTS.find(({ name }) => name === process.env.LENTICULAR_MUTANT);
if (mutant === undefined) throw new Error(`there is no mutant ${process.env.LENTICULAR_MUTANT ?? ''}`);
const url = pathToFileURL(`${ROOT}/${mutant.file}`).href;

function textOf(source: unknown): string {
  if (typeof source === 'string') return source;
  return Buffer.from(source as Uint8Array).toString('utf8');
}

registerHooks({
  load(wanted, context, next) {
    const loaded = next(wanted, context);
    if (wanted !== url) return loaded;
    return { ...loaded, source: seeded(mutant, textOf(loaded.source)) };
  },
});
