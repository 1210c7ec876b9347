import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import type { WatchEvent } from '../../../apis/meta/request.ts';
import { objectOf } from '../api.ts';
import { columns, TABLE, tableRows, yamlOf, type Table } from '../print.ts';
import { pathOf, qualifiedName, type Resource } from '../resources.ts';
import { templateOf } from '../template.ts';
import { targetsOf, UsageError, type Context, type Target } from '../targets.ts';

export interface GetOptions {
  readonly allNamespaces: boolean;
  readonly output: string | undefined;
  readonly selector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly watch: boolean;
  readonly ignoreNotFound: boolean;
}

type Print = (context: Context, objects: readonly ApiObject[], single: boolean) => void;

/** Objects a page of a list holds, as kubectl asks for them. */
const PAGE = '500';

/** Prints objects, as `kubectl get` does; with `watch`, then every change until the signal aborts. */
export async function get(context: Context, words: readonly string[], options: GetOptions, signal: AbortSignal): Promise<void> {
  const targets = targetsOf(context, words);
  const print = printerOf(options.output);
  if (options.watch) return watchTargets(context, targets, options, signal);
  if (print === undefined) return printTables(context, targets, options, signal);
  const objects: ApiObject[] = [];
  for (const target of targets) objects.push(...(await fetchObjects(context, target, options, signal)));
  print(context, objects, targets.length === 1 && targets[0]?.name !== undefined);
}

function printerOf(output: string | undefined): Print | undefined {
  if (output === undefined || output === 'wide') return undefined;
  if (output === 'yaml')
    return ({ out }, objects, single) => {
      out(yamlOf(single ? objects[0] : listOf(objects)));
    };
  if (output === 'json')
    return ({ out }, objects, single) => {
      out(JSON.stringify(single ? objects[0] : listOf(objects), null, 4));
    };
  if (output === 'name') {
    return ({ out, resources }, objects) => {
      for (const { apiVersion, kind, metadata } of objects) {
        const resource = resources.find((one) => one.kind === kind && apiVersion.startsWith(one.group));
        out(`${resource === undefined ? kind.toLowerCase() : qualifiedName(resource)}/${metadata.name}`);
      }
    };
  }
  if (output.startsWith('jsonpath=')) {
    const template = templateOf(output.slice('jsonpath='.length));
    return ({ out }, objects, single) => {
      out(template(single ? objects[0] : listOf(objects)));
    };
  }
  throw new UsageError(`cannot print as ${JSON.stringify(output)}: use wide, yaml, json, name or jsonpath=TEMPLATE`);
}

function listOf(items: readonly ApiObject[]): unknown {
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } };
}

function queryOf(options: GetOptions): Readonly<Record<string, string | undefined>> {
  return { labelSelector: options.selector, fieldSelector: options.fieldSelector };
}

function placeOf({ resource, name }: Target, { namespace }: Context, { allNamespaces }: GetOptions): string {
  if (name !== undefined && allNamespaces) throw new UsageError('a resource cannot be retrieved by name across all namespaces');
  return pathOf(resource, { ...(!allNamespaces && { namespace }), ...(name !== undefined && { name }) });
}

/** All pages of what a target names; of a list, `merge` sees one page after another. */
async function pages(
  context: Context,
  target: Target,
  options: GetOptions,
  accept: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const path = placeOf(target, context, options);
  try {
    if (target.name !== undefined) return [await context.api.ask({ path, accept }, signal)];
    const found: unknown[] = [];
    for (let token: string | undefined; ;) {
      const page = await context.api.ask({ path, accept, query: { ...queryOf(options), limit: PAGE, continue: token } }, signal);
      found.push(page);
      token = (page as { readonly metadata?: { readonly continue?: string } }).metadata?.continue;
      if (token === undefined || token === '') return found;
    }
  } catch (error) {
    if (options.ignoreNotFound && error instanceof ApiError && error.reason === 'NotFound') return [];
    throw error;
  }
}

async function fetchObjects(context: Context, target: Target, options: GetOptions, signal: AbortSignal): Promise<readonly ApiObject[]> {
  const found = await pages(context, target, options, 'application/json', signal);
  if (target.name !== undefined) return found.map(objectOf);
  const { resource } = target;
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  return found.flatMap((page) =>
    (page as { readonly items: readonly ApiObject[] }).items.map((item) => ({ ...item, apiVersion, kind: resource.kind })),
  );
}

async function printTables(context: Context, targets: readonly Target[], options: GetOptions, signal: AbortSignal): Promise<void> {
  const several = new Set(targets.map(({ resource }) => resource)).size > 1;
  let printed = 0;
  for (const [resource, group] of Map.groupBy(targets, (target) => target.resource)) {
    const rows: string[][] = [];
    for (const target of group) {
      const tables = (await pages(context, target, options, TABLE, signal)) as readonly Table[];
      const namespaces = options.allNamespaces && resource.namespaced;
      const prefix = several ? qualifiedName(resource) : undefined;
      for (const table of tables) {
        const [header = [], ...body] = tableRows(table, {
          wide: options.output === 'wide',
          namespaces,
          ...(prefix !== undefined && { prefix }),
        });
        if (rows.length === 0) rows.push([...header]);
        rows.push(...body.map((row) => [...row]));
      }
    }
    if (rows.length <= 1) continue;
    if (printed > 0) context.out('');
    for (const line of columns(rows)) context.out(line);
    printed += 1;
  }
  if (printed === 0 && !options.ignoreNotFound) {
    context.err(
      options.allNamespaces || targets.every(({ resource }) => !resource.namespaced)
        ? 'No resources found'
        : `No resources found in ${context.namespace} namespace.`,
    );
  }
}

/** Prints the rows that there are, then one for each change. */
async function watchTargets(context: Context, targets: readonly Target[], options: GetOptions, signal: AbortSignal): Promise<void> {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) throw new UsageError('one type, or one object, can be watched at a time');
  const { resource, name } = target;
  const path = placeOf({ resource }, context, options);
  const fieldSelector = name === undefined ? options.fieldSelector : `metadata.name=${name}`;
  const json = options.output !== undefined && options.output !== 'wide';
  const rows = rowPrinter(context, resource, options);
  for await (const event of resumed(
    context,
    { path, accept: json ? 'application/json' : TABLE, selector: options.selector, fieldSelector },
    signal,
  )) {
    if (json) printerOf(options.output)?.(context, [objectOf(event.object)], true);
    else rows(event.object as Table);
  }
}

/** A watch that starts with what there is and goes on when the server ends it. */
async function* resumed(
  { api }: Context,
  ask: {
    readonly path: string;
    readonly accept: string;
    readonly selector: string | undefined;
    readonly fieldSelector: string | undefined;
  },
  signal: AbortSignal,
): AsyncIterable<WatchEvent> {
  let resourceVersion: string | undefined;
  while (!signal.aborted) {
    const query = { labelSelector: ask.selector, fieldSelector: ask.fieldSelector, resourceVersion, allowWatchBookmarks: 'true' };
    for await (const event of api.watch({ path: ask.path, accept: ask.accept, query }, signal)) {
      resourceVersion = versionOf(event) ?? resourceVersion;
      if (event.type !== 'BOOKMARK') yield event;
    }
  }
}

function versionOf({ object }: WatchEvent): string | undefined {
  const { metadata, rows } = object as { readonly metadata?: { readonly resourceVersion?: string }; readonly rows?: Table['rows'] };
  const row = rows?.[0]?.object?.metadata as { readonly resourceVersion?: string } | undefined;
  return row?.resourceVersion ?? metadata?.resourceVersion;
}

/** Prints tables of one row each under one header, with columns as wide as the first rows needed. */
function rowPrinter({ out }: Context, resource: Resource, options: GetOptions): (table: Table) => void {
  let widths: number[] | undefined;
  return (table) => {
    const [header = [], ...body] = tableRows(table, {
      wide: options.output === 'wide',
      namespaces: options.allNamespaces && resource.namespaced,
    });
    const rows = widths === undefined ? [header, ...body] : body;
    widths ??= header.map((cell, index) => Math.max(cell.length, ...body.map((row) => row[index]?.length ?? 0)));
    for (const row of rows)
      out(row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd((widths?.[index] ?? 0) + 3))).join(''));
  };
}
