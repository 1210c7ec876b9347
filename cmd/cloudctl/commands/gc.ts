import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../../apis/meta/api-error.ts';
import type { ApiObject } from '../../../apis/meta/object.ts';
import { nameOf, unmanagedIn, type Unmanaged } from '../differences.ts';
import { pathOf, resourcesNamed } from '../resources.ts';
import { fetchNamed, type Named } from '../selection.ts';
import type { Context } from '../targets.ts';
import { fetchForest } from './tree.ts';

/** Tries of one change when somebody else writes the object at the same time. */
const MAX_TRIES = 5;
const LOOK_MS = 300;

type Change = (collect: readonly string[]) => readonly string[];

/** Lists orphans, or has those that were confirmed deleted by the controllers, and waits until they are gone. Returns how many are not. */
export async function gc(
  context: Context,
  { confirm, timeoutMs }: { readonly confirm: readonly string[]; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<number> {
  const things = unmanagedIn(await fetchForest(context, signal));
  if (confirm.length === 0) {
    for (const thing of things) if (thing.why === 'orphan') context.out(`${labelOf(thing)}: cloudctl gc --confirm ${thing.id}`);
    return 0;
  }
  let failed = 0;
  for (const id of confirm) {
    const found = things.filter((thing) => thing.id === id);
    const kept = found.find(({ why }) => why !== 'orphan');
    if (found.length === 0 || kept !== undefined) {
      const problem = kept === undefined ? `no host or pool lists ${id}` : `${labelOf(kept)} is ${kept.why}, and only orphans are deleted`;
      context.err(`error: ${problem}`);
      failed += 1;
      continue;
    }
    for (const thing of found) failed += (await collect(context, thing, timeoutMs, signal)) ? 0 : 1;
  }
  return failed;
}

function labelOf({ kind, id, name, device }: Unmanaged): string {
  return `${kind} ${id}${name === id ? '' : ` (${name})`} on ${nameOf(device)}`;
}

async function collect(context: Context, thing: Unmanaged, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { device, id } = thing;
  const [resource] = resourcesNamed(context.resources, device.kind);
  if (resource === undefined) return false;
  const named: Named = { resource, name: device.metadata.name };
  await change(context, named, (ids) => (ids.includes(id) ? ids : [...ids, id]), signal);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const gone = await untilUnlisted(context, named, id, limit);
  signal.throwIfAborted();
  if (!gone) {
    context.err(`error: timed out waiting for ${labelOf(thing)} to go: see the events of ${nameOf(device)}; it stays in spec.collect`);
    return false;
  }
  // What is gone needs no word any more, and the list has an end.
  await change(context, named, (ids) => ids.filter((one) => one !== id), signal);
  context.out(`${labelOf(thing)} deleted`);
  return true;
}

async function untilUnlisted(context: Context, named: Named, id: string, limit: AbortSignal): Promise<boolean> {
  try {
    for (;;) {
      const device = await fetchNamed(context, named, limit);
      if (device === undefined) return false;
      const listed = (device.status as { readonly unmanaged?: readonly { readonly id: string }[] } | undefined)?.unmanaged ?? [];
      if (listed.every((thing) => thing.id !== id)) return true;
      await delay(LOOK_MS, undefined, { signal: limit });
    }
  } catch (error) {
    if (!limit.aborted) throw error;
    return false;
  }
}

/** Changes spec.collect as one who read it: a write in between is not undone. */
async function change(context: Context, named: Named, change: Change, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const live: ApiObject | undefined = await fetchNamed(context, named, signal);
    if (live === undefined) return;
    const before = (live.spec as { readonly collect?: readonly string[] }).collect ?? [];
    const after = change(before);
    if (after.length === before.length) return;
    const body = { metadata: { resourceVersion: live.metadata.resourceVersion }, spec: { collect: after } };
    const path = pathOf(named.resource, { name: named.name });
    try {
      await context.api.ask({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body }, signal);
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'Conflict') || tries === MAX_TRIES) throw error;
    }
  }
}
