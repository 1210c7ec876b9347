import { ApiError } from '../../../apis/meta/api-error.ts';
import { humanDuration } from '../../../apis/meta/duration.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import { failureLine, isAnswer } from '../failure.ts';
import { conditionsIn } from '../judge.ts';
import { columns, printable, printableLines, yamlOf } from '../print.ts';
import { pathOf } from '../resources.ts';
import { listOf } from '../selection.ts';
import { targetsOf, type Context } from '../targets.ts';
import { UsageError } from '../usage-error.ts';

interface CoreEvent {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly reportingComponent?: string;
  readonly source?: { readonly component?: string };
}

/**
 * Prints all there is to know of objects: what is declared, what is true, since when, and what happened lately. Returns how many could not be
 * described.
 */
export async function describe(
  context: Context,
  words: readonly string[],
  options: { readonly selector: string | undefined; readonly now: number },
  signal: AbortSignal,
): Promise<number> {
  const { selector, now } = options;
  let described = 0;
  let failed = 0;
  for (const { resource, name } of targetsOf(context, words)) {
    if (name !== undefined && selector !== undefined) throw new UsageError('name cannot be provided when a selector is specified');
    try {
      const where = { ...(resource.namespaced && { namespace: context.namespace }), ...(name !== undefined && { name }) };
      const objects =
        name === undefined
          ? await listOf(context, resource, selector, signal)
          : [objectOf(await context.api.ask({ path: pathOf(resource, where) }, signal))];
      for (const object of objects) {
        if (described > 0) context.out('\n');
        described += 1;
        for (const line of [...sections(object, now), ...(await events(context, object, now, signal))]) context.out(line);
      }
    } catch (error) {
      if (!(error instanceof ApiError) || !isAnswer(error)) throw error;
      failed += 1;
      context.err(failureLine(error));
    }
  }
  if (described + failed === 0) context.err('No resources found');
  return failed;
}

function indented(title: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  return [
    `${title}:`,
    ...printableLines(yamlOf(value, { sortKeys: false }))
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}

function pairs(title: string, map: Readonly<Record<string, string>> | undefined): readonly string[] {
  const entries = Object.entries(map ?? {}).filter(([key]) => !key.endsWith('last-applied-configuration'));
  if (entries.length === 0) return [`${title.padEnd(14)}<none>`];
  return entries.map(([key, value], index) => `${(index === 0 ? title : '').padEnd(14)}${printable(`${key}=${value}`)}`);
}

function since(time: string, now: number): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) || ms === 0 ? '-' : humanDuration(now - ms);
}

function sections(object: ApiObject, now: number): readonly string[] {
  const { metadata, kind, apiVersion } = object;
  const {
    status = {},
    spec,
    ...others
  } = object as ApiObject & { readonly status?: Readonly<Record<string, unknown>>; readonly spec?: unknown };
  const conditions = conditionsIn(object) as readonly {
    type: string;
    status: string;
    reason?: string;
    message?: string;
    lastTransitionTime?: string;
  }[];
  const rest = Object.fromEntries(Object.entries(status).filter(([field]) => field !== 'conditions'));
  const loose = Object.fromEntries(Object.entries(others).filter(([field]) => !['apiVersion', 'kind', 'metadata'].includes(field)));
  return [
    `${'Name:'.padEnd(14)}${metadata.name}`,
    ...(metadata.namespace === undefined ? [] : [`${'Namespace:'.padEnd(14)}${metadata.namespace}`]),
    `${'Kind:'.padEnd(14)}${kind} (${apiVersion})`,
    `${'Age:'.padEnd(14)}${since(metadata.creationTimestamp, now)}`,
    `${'UID:'.padEnd(14)}${metadata.uid}`,
    ...pairs('Labels:', metadata.labels),
    ...pairs('Annotations:', metadata.annotations),
    ...(metadata.deletionTimestamp === undefined
      ? []
      : [
          `${'Deleting:'.padEnd(14)}for ${since(metadata.deletionTimestamp, now)}, held by ${metadata.finalizers?.join(', ') ?? 'nothing'}`,
        ]),
    ...indented('Spec', spec),
    ...Object.entries(loose).flatMap(([field, value]) => indented(field, value)),
    ...(Object.keys(rest).length === 0 ? [] : indented('Status', rest)),
    ...(conditions.length === 0 ? [] : ['Conditions:', ...conditionRows(conditions, now).map((line) => `  ${line}`)]),
  ];
}

function conditionRows(
  conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
    readonly lastTransitionTime?: string;
  }[],
  now: number,
): readonly string[] {
  return columns([
    ['TYPE', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'],
    ...conditions.map(({ type, status, reason = '', message = '', lastTransitionTime = '' }) => [
      type,
      status,
      since(lastTransitionTime, now),
      reason,
      message,
    ]),
  ]);
}

function versionOf({ metadata }: CoreEvent): number {
  return Number(metadata?.resourceVersion ?? 0);
}

async function events({ api, namespace }: Context, object: ApiObject, now: number, signal: AbortSignal): Promise<readonly string[]> {
  const place = object.metadata.namespace ?? (object.kind === 'Namespace' ? object.metadata.name : 'default');
  const fieldSelector = `involvedObject.uid=${object.metadata.uid}`;
  const path = `/api/v1/namespaces/${encodeURIComponent(place === '' ? namespace : place)}/events`;
  const { items } = (await api.ask({ path, query: { fieldSelector } }, signal)) as { readonly items: readonly CoreEvent[] };
  if (items.length === 0) return ['Events:       <none>'];
  const timed = items
    .map((event) => ({ ...event, at: event.lastTimestamp ?? event.eventTime ?? '' }))
    // Times are whole seconds; within one, what was written last happened last.
    .sort((one, other) => Date.parse(one.at) - Date.parse(other.at) || versionOf(one) - versionOf(other));
  const rows = timed.map(({ type = '', reason = '', message = '', count = 1, at, reportingComponent, source }) => [
    type,
    reason,
    `${since(at, now)}${count > 1 ? ` (x${String(count)})` : ''}`,
    reportingComponent === undefined || reportingComponent === '' ? (source?.component ?? '') : reportingComponent,
    message,
  ]);
  return ['Events:', ...columns([['TYPE', 'REASON', 'AGE', 'FROM', 'MESSAGE'], ...rows]).map((line) => `  ${line}`)];
}
