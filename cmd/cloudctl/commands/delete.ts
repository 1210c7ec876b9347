import { ApiError } from '../../../apis/meta/api-error.ts';
import { objectOf } from '../api.ts';
import { failureLine, isAnswer } from '../failure.ts';
import { pathOf, qualifiedName } from '../resources.ts';
import { selected, type Named, type Selection } from '../selection.ts';
import type { Context } from '../targets.ts';
import { untilGone } from './wait.ts';

export interface DeleteOptions {
  readonly wait: boolean;
  readonly timeoutMs: number | undefined;
  readonly ignoreNotFound: boolean;
  readonly dryRun: boolean;
}

interface Going extends Named {
  readonly uid: string;
}

/** Deletes what is selected, then waits until it is gone, saying what holds it up. Returns how many failed. */
export async function remove(context: Context, selection: Selection, options: DeleteOptions, signal: AbortSignal): Promise<number> {
  const doomed = await selected(context, selection, signal);
  if (doomed.length === 0) context.out('No resources found');
  const going: Going[] = [];
  let failed = 0;
  for (const one of doomed) {
    try {
      const uid = await removeOne(context, one, options, signal);
      if (uid !== undefined) going.push({ ...one, uid });
    } catch (error) {
      if (!(error instanceof ApiError) || !isAnswer(error)) throw error;
      if (options.ignoreNotFound && error.reason === 'NotFound') continue;
      failed += 1;
      context.err(failureLine(error));
    }
  }
  if (!options.wait || options.dryRun) return failed;
  const limit = options.timeoutMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  const gone = await Promise.all(going.map((one) => untilGone(context, one, { limit, signal })));
  return failed + gone.filter((yes) => !yes).length;
}

/** Returns the uid of what is on its way, undefined for what is gone already. */
async function removeOne(context: Context, one: Named, { dryRun }: DeleteOptions, signal: AbortSignal): Promise<string | undefined> {
  const body = await context.api.ask(
    {
      method: 'DELETE',
      path: pathOf(one.resource, one),
      query: { dryRun: dryRun ? 'All' : undefined },
      body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' },
    },
    signal,
  );
  context.out(`${qualifiedName(one.resource)} "${one.name}" deleted${dryRun ? ' (server dry run)' : ''}`);
  const { kind, metadata } = objectOf(body);
  return kind === 'Status' ? undefined : metadata.uid;
}
