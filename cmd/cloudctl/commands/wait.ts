import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import { failureLine, isAnswer, mayPass } from '../failure.ts';
import { conditionsIn, explain, judgeOf, type Judge } from '../judge.ts';
import { pathOf, qualifiedName, type Resource } from '../resources.ts';
import { selected, type Named, type Selection } from '../selection.ts';
import type { Context } from '../targets.ts';

/** How long a command waits: `limit` ends the waiting, and `signal` (part of it) everything. */
export interface Patience {
  readonly limit: AbortSignal;
  readonly signal: AbortSignal;
}

/** Whoever waits longer than this for something to go is told what holds it up. */
const QUIET_MS = 2_000;

/** Between two tries to reach a server that is away. */
const RETRY_MS = 1_000;

/** Waits for each object selected; prints as kubectl does. Returns how many did not get there; says why not. */
export async function wait(
  context: Context,
  selection: Selection,
  options: { readonly for: string; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<number> {
  const judge = judgeOf(options.for);
  const patience = { limit: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]), signal };
  const found = await selected(context, selection, signal);
  if (found.length === 0) {
    context.err('error: no matching resources found');
    return 1;
  }
  const met = await Promise.all(found.map((one) => waitFor(context, one, judge, patience)));
  return met.filter((yes) => !yes).length;
}

async function waitFor(context: Context, one: Named, judge: Judge | 'gone', patience: Patience): Promise<boolean> {
  if (judge !== 'gone') return until(context, one, judge, patience);
  const gone = await untilGone(context, one, patience);
  if (gone) context.out(`${labelOf(one)} condition met`);
  return gone;
}

function labelOf({ resource, name }: Named): string {
  return `${qualifiedName(resource)}/${name}`;
}

async function until(context: Context, one: Named, judge: Judge, { limit, signal }: Patience): Promise<boolean> {
  const label = labelOf(one);
  let last: ApiObject | undefined;
  try {
    await context.api.ask({ path: pathOf(one.resource, one) }, limit); // NotFound is told at once, as kubectl does
    for await (const object of versions(context, one, limit)) {
      if (object === undefined) {
        context.err(`error: ${label} was deleted while it was waited for`);
        return false;
      }
      last = object;
      if (judge(object)) {
        context.out(`${label} condition met`);
        return true;
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError && isAnswer(error)) {
      context.err(failureLine(error));
      return false;
    }
    if (!limit.aborted) throw error;
  }
  signal.throwIfAborted();
  context.err(`error: timed out waiting for the condition on ${label}${last === undefined ? '' : ` (${explain(last)})`}`);
  return false;
}

/** Waits until the object (that very one, where its uid is known) is gone; false on timeout. Says what holds it up, when it takes long. */
export async function untilGone(context: Context, one: Named & { readonly uid?: string }, { limit, signal }: Patience): Promise<boolean> {
  let last: ApiObject | undefined;
  let said = '';
  let quiet = true;
  const tell = (): void => {
    const now = last === undefined ? '' : explain(last);
    if (quiet || now === said) return;
    said = now;
    context.err(`waiting for ${labelOf(one)} to go (${now})`);
  };
  const timer = setTimeout(() => {
    quiet = false;
    tell();
  }, QUIET_MS);
  try {
    for await (const object of versions(context, one, limit)) {
      if (object === undefined || (one.uid !== undefined && object.metadata.uid !== one.uid)) return true;
      last = object;
      tell();
    }
  } catch (error) {
    if (!limit.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  signal.throwIfAborted();
  context.err(`error: timed out waiting for ${labelOf(one)} to go${last === undefined ? '' : ` (${explain(last)})`}`);
  return false;
}

/** The object as it is and as it becomes, undefined when it is gone; goes on when the server was away for a while. */
async function* versions(
  { api, err }: Context,
  { resource, name, namespace }: Named,
  signal: AbortSignal,
): AsyncIterable<ApiObject | undefined> {
  const path = pathOf(resource, namespace === undefined ? {} : { namespace });
  const fieldSelector = `metadata.name=${name}`;
  let away = false;
  while (!signal.aborted) {
    try {
      const list = (await api.ask({ path, query: { fieldSelector } }, signal)) as {
        readonly metadata: { readonly resourceVersion: string };
        readonly items: readonly ApiObject[];
      };
      away = false;
      yield list.items[0];
      const query = { fieldSelector, resourceVersion: list.metadata.resourceVersion };
      for await (const event of api.watch({ path, query }, signal)) {
        if (event.type === 'DELETED') yield undefined;
        else if (event.type !== 'BOOKMARK') yield objectOf(event.object);
      }
    } catch (error) {
      // Too old to go on from: list again. Away: try again until nobody wants to wait any more.
      if (mayPass(error)) {
        if (!away) err(`trying again: ${error.message}`);
        away = true;
        await delay(RETRY_MS, undefined, { signal });
      } else if (!(error instanceof ApiError && (error.reason === 'Expired' || error.reason === 'Gone'))) throw error;
    }
  }
}

/** Waits until everything that was applied is Ready, where its kind has that condition. Returns how many did not get there. */
export async function waitReady(
  context: Context,
  applied: readonly { readonly resource: Resource; readonly object: ApiObject }[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  const patience = { limit: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), signal };
  const judge = judgeOf('condition=Ready');
  if (judge === 'gone') return 0;
  let failed = 0;
  for (const { resource, object } of applied) {
    if (!conditionsIn(object).some(({ type }) => type === 'Ready')) continue;
    const { name, namespace } = object.metadata;
    failed += (await until(context, { resource, name, ...(namespace !== undefined && { namespace }) }, judge, patience)) ? 0 : 1;
  }
  return failed;
}
