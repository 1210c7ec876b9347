import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../../apis/meta/api-error.ts';
import type { WatchEvent } from '../../../apis/meta/request.ts';
import { objectOf } from '../api.ts';
import { mayPass } from '../failure.ts';
import { columnWriter, TABLE, tableRows, type Table } from '../print.ts';
import type { Printer } from '../printers.ts';
import { pagesOf } from '../selection.ts';
import type { Context, Target } from '../targets.ts';

export interface WatchOptions {
  /** Of the collection. */
  readonly path: string;
  /** Undefined for a table. */
  readonly printer: Printer | undefined;
  readonly output: string | undefined;
  readonly allNamespaces: boolean;
  readonly selector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly headers: boolean;
  readonly write: (text: string) => void;
}

/** Between two watches, when one ended: a server that ends them at once is not asked in a tight loop. */
const PAUSE_MS = 1_000;

/** Prints what there is, then a row or an object for each change, until the signal aborts. */
export async function watchTarget(context: Context, { resource, name }: Target, options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { printer, path } = options;
  const accept = printer === undefined ? TABLE : 'application/json';
  const query = { labelSelector: options.selector, fieldSelector: name === undefined ? options.fieldSelector : `metadata.name=${name}` };
  // Told at once when the one object is not there.
  if (name !== undefined) await context.api.ask({ path: `${path}/${name}`, accept }, signal);
  const rows = rowPrinter(context, { ...options, namespaces: options.allNamespaces && resource.namespaced });
  const texts = textPrinter(options);
  let resourceVersion: string | undefined;
  for await (const page of pagesOf(context, { path, accept, query }, signal)) {
    resourceVersion = (page as Listed).metadata.resourceVersion;
    if (printer === undefined) rows(page as Table);
    else for (const item of (page as Listed).items ?? []) texts(item);
  }
  for await (const { object } of resumed(context, { path, accept, query }, resourceVersion, signal)) {
    if (printer === undefined) rows(object as Table);
    else texts(object);
  }
}

interface Listed {
  readonly metadata: { readonly resourceVersion: string };
  readonly items?: readonly unknown[];
}

/** The changes after a version; goes on when the server ends the watch or is away, and starts anew when it has forgotten that version. */
async function* resumed(
  { api, err }: Context,
  ask: { readonly path: string; readonly accept: string; readonly query: Readonly<Record<string, string | undefined>> },
  start: string | undefined,
  signal: AbortSignal,
): AsyncIterable<WatchEvent> {
  let resourceVersion = start;
  let away = false;
  for (;;) {
    try {
      const query = { ...ask.query, resourceVersion, allowWatchBookmarks: 'true' };
      for await (const event of api.watch({ ...ask, query }, signal)) {
        away = false;
        resourceVersion = versionOf(event) ?? resourceVersion;
        if (event.type !== 'BOOKMARK') yield event;
      }
    } catch (error) {
      if (mayPass(error)) {
        if (!away) err(`trying again: ${error.message}`);
        away = true;
      } else if (error instanceof ApiError && (error.reason === 'Expired' || error.reason === 'Gone')) resourceVersion = undefined;
      else throw error;
    }
    await delay(PAUSE_MS, undefined, { signal });
  }
}

function versionOf({ object }: WatchEvent): string | undefined {
  const { metadata, rows } = object as { readonly metadata?: { readonly resourceVersion?: string }; readonly rows?: Table['rows'] };
  const row = rows?.[0]?.object?.metadata as { readonly resourceVersion?: string } | undefined;
  return row?.resourceVersion ?? metadata?.resourceVersion;
}

function textPrinter({ printer, write }: WatchOptions): (object: unknown) => void {
  let first = true;
  return (object) => {
    write(`${first ? '' : (printer?.between ?? '')}${printer?.print([objectOf(object)], true) ?? ''}`);
    first = false;
  };
}

/** Prints tables under one header, with columns as wide as the rows so far needed. */
function rowPrinter({ out }: Context, options: WatchOptions & { readonly namespaces: boolean }): (table: Table) => void {
  const write = columnWriter();
  let header = options.headers;
  // Only the first table of a watch names its columns.
  let columnDefinitions: Table['columnDefinitions'];
  return (table) => {
    if ((table.columnDefinitions ?? []).length > 0) columnDefinitions = table.columnDefinitions;
    const [titles = [], ...body] = tableRows(
      { ...table, ...(columnDefinitions !== undefined && { columnDefinitions }) },
      { wide: options.output === 'wide', namespaces: options.namespaces },
    );
    if (body.length === 0) return;
    const rows = header ? [titles, ...body] : body;
    header = false;
    for (const line of write(rows)) out(line);
  };
}
