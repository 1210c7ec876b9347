import { styleText } from 'node:util';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { columns } from '../print.ts';
import { pathOf, resourcesNamed } from '../resources.ts';
import type { Context } from '../targets.ts';
import { treeLines, type Forest, type Mark } from '../tree.ts';

const MARKS: Readonly<Record<Mark, { readonly sign: string; readonly colour: 'green' | 'yellow' | 'red' | 'gray' }>> = {
  ready: { sign: '●', colour: 'green' },
  moving: { sign: '◐', colour: 'yellow' },
  wrong: { sign: '✗', colour: 'red' },
  unknown: { sign: '○', colour: 'gray' },
};

const KINDS = {
  Zone: 'zones',
  Pod: 'racks',
  Host: 'hosts',
  StoragePool: 'storagepools',
  Volume: 'volumes',
  VirtualMachine: 'vms',
} as const;

/** Lists the kinds that the tree shows, of all namespaces; of each kind `most` objects, where that is given. */
export async function fetchForest(
  { api, resources, most }: Pick<Context, 'api' | 'resources'> & { readonly most?: number },
  signal: AbortSignal,
): Promise<Forest> {
  const query = { limit: most === undefined ? undefined : String(most) };
  const lists = await Promise.all(
    Object.entries(KINDS).map(async ([kind, word]) => {
      const [resource] = resourcesNamed(resources, word);
      if (resource === undefined) return [kind, []] as const;
      const { items } = (await api.ask({ path: pathOf(resource, {}), query }, signal)) as { readonly items: readonly ApiObject[] };
      return [kind, items.map((item) => ({ ...item, kind }))] as const;
    }),
  );
  return Object.fromEntries(lists) as Forest;
}

/** The tree as lines of text; in colour where the stream can. */
export function renderTree(forest: Forest, options: { readonly colour: boolean }): readonly string[] {
  const lines = treeLines(forest);
  if (lines.length === 0) return ['nothing is declared yet'];
  const texts = columns(lines.map(({ stem, label, note }) => [`${stem}${label}`, note]));
  return texts.map((text, index) => {
    const { sign, colour } = MARKS[lines[index]?.mark ?? 'unknown'];
    const painted = options.colour ? styleText(colour, sign, { validateStream: false }) : sign;
    return `${painted} ${text}`.trimEnd();
  });
}

/** Prints the whole cloud as a tree: what stands where, and how it is. */
export async function tree(context: Context, options: { readonly colour: boolean }, signal: AbortSignal): Promise<void> {
  for (const line of renderTree(await fetchForest(context, signal), options)) context.out(line);
}
