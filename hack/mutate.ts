import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { MUTANTS } from '../test/simulation/mutants.ts';
import { ROOT } from './run.ts';

// node --import ./hack/mutate.ts …, with the mutant's name in LENTICULAR_MUTANT: its file is loaded changed, and stays on the disk as it is.
const mutant = MUTANTS.find(({ name }) => name === process.env.LENTICULAR_MUTANT);
if (mutant === undefined) throw new Error(`there is no mutant ${process.env.LENTICULAR_MUTANT ?? ''}`);
const { file, edits, name } = mutant;
const url = pathToFileURL(`${ROOT}/${file}`).href;

function edited(source: string): string {
  return edits.reduce((text, [find, put]) => {
    if (text.split(find).length !== 2) throw new Error(`mutant ${name}: ${file} does not hold exactly once: ${find}`);
    return text.replace(find, () => put);
  }, source);
}

function textOf(source: unknown): string {
  if (typeof source === 'string') return source;
  return Buffer.from(source as Uint8Array).toString('utf8');
}

registerHooks({
  load(wanted, context, next) {
    const loaded = next(wanted, context);
    if (wanted !== url) return loaded;
    return { ...loaded, source: edited(textOf(loaded.source)) };
  },
});
