import type { ConditionStatus } from '../../apis/meta/condition.ts';

/** A condition as a planner says it; the publisher adds since when. */
export interface PlannedCondition {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

/** A status as a planner says it: the kind's own, with conditions that do not know the time. */
export type Planned<Status extends { readonly conditions: readonly unknown[] }> = Omit<Status, 'conditions'> & {
  readonly conditions: readonly (Omit<Status['conditions'][number], 'lastTransitionTime'> & PlannedCondition)[];
};

/** What one round decides. A plan without steps, whose status is published already, is settled. */
export interface Plan<Step, Status> {
  /** The complete new status. */
  readonly status: Status;
  /** hold: our finalizer must be on the object before any step. release: nothing of ours is left. none: this object needs none. */
  readonly finalizer: 'hold' | 'release' | 'none';
  /** Taken in order; the first failure ends the round. */
  readonly steps: readonly Step[];
  /** Look again after this many ms even if nothing is heard; the runtime's resync holds where it is absent. */
  readonly lookAgainMs?: number;
  /** What the object waits for, for the queues view; absent while it moves or is settled. */
  readonly waitsFor?: string;
}

/** The planned conditions with since when: kept where the status is as before, `now` (RFC 3339) where it changed. */
export function stampConditions<C extends PlannedCondition>(
  planned: readonly C[],
  before: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime: string }[],
  now: string,
): readonly (C & { readonly lastTransitionTime: string })[] {
  return planned.map((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    return { ...condition, lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : now };
  });
}
