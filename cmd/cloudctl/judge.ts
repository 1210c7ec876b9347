import type { ApiObject } from '../../apis/meta/object.ts';
import { textsOf } from './template.ts';
import { UsageError } from './usage-error.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
}

/** Decides whether an object is as somebody waits for it to be. */
export type Judge = (object: ApiObject) => boolean;

/** The conditions of an object, whatever its kind. */
export function conditionsIn(object: ApiObject): readonly Condition[] {
  return (object.status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
}

/** The Ready condition in words, and what holds an object that is being deleted: for people who wait. */
export function explain(object: ApiObject): string {
  const ready = conditionsIn(object).find(({ type }) => type === 'Ready');
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  const held = deletionTimestamp === undefined || finalizers.length === 0 ? '' : `held by ${finalizers.join(', ')}`;
  if (ready === undefined) return held === '' ? 'it says nothing about itself' : held;
  const said = `${ready.reason ?? ready.status}${ready.message === undefined || ready.message === '' ? '' : `: ${ready.message}`}`;
  return held === '' ? said : `${said}; ${held}`;
}

/** What kubectl's --for means: a judge of objects, or `gone`. Throws UsageError. */
export function judgeOf(what: string): Judge | 'gone' {
  if (what.toLowerCase() === 'delete') return 'gone';
  const [, type, status = 'True'] = /^condition=([^=]+)(?:=(.+))?$/.exec(what) ?? [];
  if (type !== undefined) return hasCondition(type, status);
  const [, path, wanted] = /^jsonpath=(\{.*\}|[^={}]+)(?:=(.*))?$/s.exec(what) ?? [];
  if (path === undefined || wanted === '')
    throw new UsageError(`cannot wait for ${JSON.stringify(what)}: use condition=TYPE[=STATUS], jsonpath={PATH}[=VALUE] or delete`);
  const values = textsOf(path);
  return (object) => values(object).some((text) => wanted === undefined || text === wanted);
}

/** Whether a condition has a status, and speaks of the object as it is declared now. */
function hasCondition(type: string, status: string): Judge {
  return (object) => {
    const condition = conditionsIn(object).find((one) => one.type.toLowerCase() === type.toLowerCase());
    if (condition === undefined) return false;
    const stale = condition.observedGeneration !== undefined && condition.observedGeneration < object.metadata.generation;
    return !stale && condition.status.toLowerCase() === status.toLowerCase();
  };
}
