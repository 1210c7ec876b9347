import { differencesIn } from '../differences.ts';
import { columns } from '../print.ts';
import type { Context } from '../targets.ts';
import { fetchForest } from './tree.ts';

/** Prints a line for each way in which devices differ from what is declared; returns how many there are. */
export async function diff(context: Context, signal: AbortSignal): Promise<number> {
  const found = differencesIn(await fetchForest(context, signal));
  for (const line of columns(found.map(({ what, object, message }) => [what, object, message]))) context.out(line.trimEnd());
  return found.length;
}
