import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import { failureLine, isAnswer } from '../failure.ts';
import { columns, TABLE, tableRows, type Table } from '../print.ts';
import { printerOf, type Printer } from '../printers.ts';
import { pathOf, qualifiedName, type Resource } from '../resources.ts';
import { pagesOf } from '../selection.ts';
import { targetsOf, type Context, type Target } from '../targets.ts';
import { UsageError } from '../usage-error.ts';
import { watchTarget } from './watch.ts';

export interface GetOptions {
  readonly allNamespaces: boolean;
  readonly output: string | undefined;
  readonly selector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly watch: boolean;
  readonly ignoreNotFound: boolean;
  readonly headers: boolean;
  /** Prints text that ends its own lines. */
  readonly write: (text: string) => void;
}

/** What was found of one target. */
interface Found {
  readonly resource: Resource;
  readonly pages: readonly unknown[];
}

/** Prints objects, as `kubectl get` does; with `watch`, then every change until the signal aborts. Returns how many targets failed. */
export async function get(context: Context, words: readonly string[], options: GetOptions, signal: AbortSignal): Promise<number> {
  const targets = targetsOf(context, words);
  checkTargets(targets, options);
  const printer = printerOf(options.output, context);
  if (options.watch) {
    const [target, ...others] = targets;
    if (target === undefined || others.length > 0) throw new UsageError('one type, or one object, can be watched at a time');
    await watchTarget(context, target, { ...options, printer, path: placeOf(target.resource, context, options) }, signal);
    return 0;
  }
  const found: Found[] = [];
  const failures: ApiError[] = [];
  for (const target of targets) {
    try {
      found.push({ resource: target.resource, pages: await pages(context, target, options, printer, signal) });
    } catch (error) {
      if (!(error instanceof ApiError) || !isAnswer(error)) throw error;
      if (!(options.ignoreNotFound && error.reason === 'NotFound')) failures.push(error);
    }
  }
  // Of one object that is not there, nothing is printed: not an empty list either.
  const single = targets.length === 1 && targets[0]?.name !== undefined;
  if (printer === undefined) printTables(context, found, options, failures.length > 0);
  else if (found.length > 0 || !single) options.write(printer.print(found.flatMap(objectsOf), single));
  for (const failure of failures) context.err(failureLine(failure));
  return failures.length;
}

function checkTargets(targets: readonly Target[], { allNamespaces, selector, fieldSelector }: GetOptions): void {
  const named = targets.filter(({ name }) => name !== undefined);
  if (named.length === 0) return;
  if (allNamespaces && named.some(({ resource }) => resource.namespaced))
    throw new UsageError('a resource cannot be retrieved by name across all namespaces');
  if (selector !== undefined || fieldSelector !== undefined) throw new UsageError('name cannot be provided when a selector is specified');
}

function placeOf(resource: Resource, { namespace }: Context, { allNamespaces }: GetOptions): string {
  return pathOf(resource, { ...(!allNamespaces && { namespace }) });
}

/** All pages of what a target names: tables, or objects and lists of them. */
async function pages(
  context: Context,
  { resource, name }: Target,
  options: GetOptions,
  printer: Printer | undefined,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const accept = printer === undefined ? TABLE : 'application/json';
  const path = placeOf(resource, context, options);
  if (name !== undefined) return [await context.api.ask({ path: `${path}/${name}`, accept }, signal)];
  const query = { labelSelector: options.selector, fieldSelector: options.fieldSelector };
  const found: unknown[] = [];
  for await (const page of pagesOf(context, { path, accept, query }, signal)) found.push(page);
  return found;
}

function objectsOf({ resource, pages: found }: Found): readonly ApiObject[] {
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  return found.flatMap((page) => {
    const { items } = page as { readonly items?: readonly unknown[] };
    return items === undefined ? [objectOf(page)] : items.map((item) => ({ ...objectOf(item), apiVersion, kind: resource.kind }));
  });
}

function printTables(context: Context, found: readonly Found[], options: GetOptions, failed: boolean): void {
  const groups = Map.groupBy(found, ({ resource }) => resource);
  let printed = 0;
  for (const [resource, group] of groups) {
    const rows: (readonly string[])[] = [];
    for (const table of group.flatMap(({ pages: tables }) => tables as readonly Table[])) {
      const [header = [], ...body] = tableRows(table, {
        wide: options.output === 'wide',
        namespaces: options.allNamespaces && resource.namespaced,
        ...(groups.size > 1 && { prefix: qualifiedName(resource) }),
      });
      if (rows.length === 0) rows.push(header);
      rows.push(...body);
    }
    if (rows.length <= 1) continue;
    if (printed > 0 && options.headers) context.out('');
    for (const line of columns(options.headers ? rows : rows.slice(1))) context.out(line);
    printed += 1;
  }
  if (printed > 0 || failed || options.ignoreNotFound) return;
  const everywhere = options.allNamespaces || found.every(({ resource }) => !resource.namespaced);
  context.err(everywhere ? 'No resources found' : `No resources found in ${context.namespace} namespace.`);
}
