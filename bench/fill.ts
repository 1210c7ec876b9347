import { cachedPath } from './objects.ts';
import { usage } from './processes.ts';
import { number } from './report.ts';
import type { Side } from './side.ts';
import { FILLED, FILLED_TENTH, sound } from './workload.ts';

/** A side's memory when only the tenth was there, after 20 full lists of it. */
const tenths = new WeakMap<Side, { readonly rss: number; readonly objects: number }>();

/** What a side took with a tenth of its objects. */
export function atTenth(side: Side): { readonly rss: number; readonly objects: number } {
  const found = tenths.get(side);
  if (found === undefined) throw new Error(`${side.name} is not filled`);
  return found;
}

async function create(side: Side, namespace: string, count: number): Promise<number> {
  await side.namespace(namespace);
  const shape = { verb: 'create', of: 'machines', namespace, from: 0 } as const;
  const { requests, seconds } = sound(await side.load({ kind: 'closed', shape, clients: 128, count }));
  return requests / seconds;
}

/** Fills a side: a tenth in one namespace, and all in another. */
export async function fill(side: Side, objects: number): Promise<string> {
  const tenth = Math.round(objects / 10);
  await create(side, FILLED_TENTH, tenth);
  await side.load({ kind: 'closed', shape: { verb: 'list', path: cachedPath(FILLED_TENTH) }, clients: 1, count: 20 });
  tenths.set(side, { rss: (await usage(side.pid())).rss, objects: tenth });
  const perSecond = await create(side, FILLED, objects);
  return `${objects + tenth} objects at ${number(perSecond)}/s`;
}
