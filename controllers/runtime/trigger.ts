import type { ApiObject } from '../../apis/meta/object.ts';
import type { ObjectKey } from '../../client/client.ts';
import { cacheKey } from '../../client/reflector.ts';
import type { ViewChange } from '../../client/view.ts';
import type { Trigger } from './controller.ts';

/** How long news of what is only summed up may wait. */
export const SUMMARY_MS = 100;

/** What a change of another object makes worth a look, as it was and as it is, by cache key; nothing where it does not matter. */
export function wokenBy(trigger: Trigger, change: ViewChange<ApiObject>): ReadonlyMap<string, ObjectKey> {
  const keys = new Map<string, ObjectKey>();
  if (trigger.matters?.(change) === false) return keys;
  for (const one of [change.old, change.object]) if (one !== undefined) for (const key of trigger.keysOf(one)) keys.set(cacheKey(key), key);
  return keys;
}

/** Whether a change is more than one of status: an object came, goes, is gone, or was declared or labelled anew. */
export function declaredAnew({ old, object }: ViewChange<ApiObject>): boolean {
  if (old === undefined || object === undefined) return true;
  const [before, after] = [old.metadata, object.metadata];
  return (
    before.generation !== after.generation ||
    before.deletionTimestamp !== after.deletionTimestamp ||
    JSON.stringify(before.labels) !== JSON.stringify(after.labels)
  );
}

/** Tells changes that matter by what is declared, or by this of the object, from all others. */
export function changedIn(relevant: (object: ApiObject) => unknown): (change: ViewChange<ApiObject>) => boolean {
  const text = (object: ApiObject | undefined): string => (object === undefined ? '' : JSON.stringify(relevant(object)));
  return (change) => declaredAnew(change) || text(change.old) !== text(change.object);
}

interface WithConditions {
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

/** What the conditions of an object say, without their words. */
export function states({ status }: WithConditions): readonly string[] {
  return status.conditions.map(({ type, status: is }) => `${type} ${is}`);
}
