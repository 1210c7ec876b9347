import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { objectOf } from '../api.ts';
import { pathOf, qualifiedName, type Resource } from '../resources.ts';
import { targetsOf, UsageError, type Context } from '../targets.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Named {
  readonly resource: Resource;
  readonly name: string;
  readonly namespace?: string;
}

type Verdict = 'met' | 'waiting';

/** The conditions of an object, whatever its kind. */
export function conditionsIn(object: ApiObject): readonly Condition[] {
  return (object.status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
}

/** The Ready condition in words, for people who wait. */
export function explain(object: ApiObject): string {
  const ready = conditionsIn(object).find(({ type }) => type === 'Ready');
  if (ready === undefined) return 'it says nothing about itself';
  return `${ready.reason ?? ready.status}${ready.message === undefined || ready.message === '' ? '' : `: ${ready.message}`}`;
}

/** Waits for each named object; prints as kubectl does. Returns how many did not get there; says why not. */
export async function wait(
  context: Context,
  words: readonly string[],
  options: { readonly for: string; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  const judge = judgeOf(options.for);
  let failed = 0;
  for (const { resource, name } of targetsOf(context, words)) {
    if (name === undefined) throw new UsageError('say which objects: TYPE/NAME');
    const one: Named = { resource, name, ...(resource.namespaced && { namespace: context.namespace }) };
    failed += (await (judge === undefined ? untilGone(context, one, limit) : until(context, one, judge, limit))) ? 0 : 1;
  }
  return failed;
}

/** What decides: a condition, or (undefined) the object's end. */
function judgeOf(what: string): ((object: ApiObject) => Verdict) | undefined {
  if (what === 'delete') return undefined;
  const [, type, status = 'True'] = /^condition=([^=]+)(?:=(.+))?$/.exec(what) ?? [];
  if (type === undefined) throw new UsageError(`cannot wait for ${JSON.stringify(what)}: use condition=TYPE[=STATUS] or delete`);
  return (object) => {
    const condition = conditionsIn(object).find((one) => one.type.toLowerCase() === type.toLowerCase());
    return condition?.status.toLowerCase() === status.toLowerCase() ? 'met' : 'waiting';
  };
}

async function until(context: Context, one: Named, judge: (object: ApiObject) => Verdict, limit: AbortSignal): Promise<boolean> {
  const label = `${qualifiedName(one.resource)}/${one.name}`;
  let last: ApiObject | undefined;
  try {
    await context.api.ask({ path: pathOf(one.resource, one) }, limit); // NotFound is told at once, as kubectl does
    for await (const object of versions(context, one, limit)) {
      if (object === undefined) break;
      last = object;
      if (judge(object) === 'met') {
        context.out(`${label} condition met`);
        return true;
      }
    }
  } catch (error) {
    if (!limit.aborted) throw error;
  }
  context.err(`error: timed out waiting for the condition on ${label}${last === undefined ? '' : ` (${explain(last)})`}`);
  return false;
}

/** Waits until the object (that very one, where its uid is known) is gone; false on timeout, with what holds it up. */
export async function untilGone(context: Context, one: Named & { readonly uid?: string }, limit: AbortSignal): Promise<boolean> {
  let last: ApiObject | undefined;
  try {
    for await (const object of versions(context, one, limit)) {
      if (object === undefined || (one.uid !== undefined && object.metadata.uid !== one.uid)) return true;
      last = object;
    }
  } catch (error) {
    if (!limit.aborted) throw error;
  }
  context.err(
    `error: timed out waiting for ${qualifiedName(one.resource)}/${one.name} to go${last === undefined ? '' : ` (${explain(last)})`}`,
  );
  return false;
}

/** The object as it is and as it becomes; undefined when it is gone. */
export async function* versions(
  { api }: Context,
  { resource, name, namespace }: Named,
  signal: AbortSignal,
): AsyncIterable<ApiObject | undefined> {
  const where = namespace === undefined ? {} : { namespace };
  while (!signal.aborted) {
    const list = (await api.ask({ path: pathOf(resource, where), query: { fieldSelector: `metadata.name=${name}` } }, signal)) as {
      readonly metadata: { readonly resourceVersion: string };
      readonly items: readonly ApiObject[];
    };
    yield list.items[0];
    const query = { fieldSelector: `metadata.name=${name}`, resourceVersion: list.metadata.resourceVersion };
    try {
      for await (const event of api.watch({ path: pathOf(resource, where), query }, signal)) {
        if (event.type === 'DELETED') yield undefined;
        else if (event.type !== 'BOOKMARK') yield objectOf(event.object);
      }
    } catch (error) {
      // Too old to go on from: list again.
      if (!(error instanceof ApiError && (error.reason === 'Expired' || error.reason === 'Gone'))) throw error;
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
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let failed = 0;
  for (const { resource, object } of applied) {
    if (!conditionsIn(object).some(({ type }) => type === 'Ready')) continue;
    const { name, namespace } = object.metadata;
    const judge = (now: ApiObject): Verdict => {
      const ready = conditionsIn(now).find(({ type }) => type === 'Ready') as { status: string; observedGeneration?: number } | undefined;
      return ready?.status === 'True' && (ready.observedGeneration ?? now.metadata.generation) === now.metadata.generation
        ? 'met'
        : 'waiting';
    };
    failed += (await until(context, { resource, name, ...(namespace !== undefined && { namespace }) }, judge, limit)) ? 0 : 1;
  }
  return failed;
}
