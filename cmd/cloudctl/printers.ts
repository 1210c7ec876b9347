import type { ApiObject } from '../../apis/meta/object.ts';
import { kubectlJson } from './kubectl-json.ts';
import { yamlOf } from './print.ts';
import { qualifiedName } from './resources.ts';
import type { Context } from './targets.ts';
import { templateOf } from './template.ts';
import { UsageError } from './usage-error.ts';

/** Prints whole objects, as opposed to a table of them. */
export interface Printer {
  /** The text of one object, or of a list. */
  print(objects: readonly ApiObject[], single: boolean): string;
  /** What stands between two texts of a watch. */
  readonly between: string;
}

/** What `-o` means; undefined for a table. Throws UsageError. */
export function printerOf(output: string | undefined, { resources }: Pick<Context, 'resources'>): Printer | undefined {
  if (output === undefined || output === 'wide') return undefined;
  if (output === 'yaml') return { print: (objects, single) => yamlOf(shapeOf(objects, single)), between: '---\n' };
  if (output === 'json') return { print: (objects, single) => kubectlJson(shapeOf(objects, single), 4), between: '' };
  if (output === 'name') return { print: (objects) => objects.map((object) => `${nameOf(object, resources)}\n`).join(''), between: '' };
  if (output.startsWith('jsonpath=')) {
    const template = templateOf(output.slice('jsonpath='.length));
    return { print: (objects, single) => template(shapeOf(objects, single)), between: '' };
  }
  throw new UsageError(`cannot print as ${JSON.stringify(output)}: use wide, yaml, json, name or jsonpath=TEMPLATE`);
}

function nameOf({ apiVersion, kind, metadata }: ApiObject, resources: Context['resources']): string {
  const resource = resources.find(
    (one) => one.kind === kind && apiVersion === (one.group === '' ? one.version : `${one.group}/${one.version}`),
  );
  return `${resource === undefined ? kind.toLowerCase() : qualifiedName(resource)}/${metadata.name}`;
}

function shapeOf(items: readonly ApiObject[], single: boolean): unknown {
  return single ? items[0] : { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } };
}
