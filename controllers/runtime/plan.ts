import type { ConditionStatus } from '../../apis/meta/condition.ts';
import { clip } from '../../apis/meta/sentence.ts';

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
  /**
   * hold: our finalizer must be on the object before any step. none: this object needs none. release: nothing of ours is left, once the steps
   * of this plan were taken (a device remembers what it deleted, so that a late create cannot bring it back); only then the finalizer goes.
   */
  readonly finalizer: 'hold' | 'release' | 'none';
  /** Taken in order; the first failure ends the round. */
  readonly steps: readonly Step[];
  /** What is true once the steps were taken, such as a claim that falls with a proof that a step leaves: published then, and only then. */
  readonly afterSteps?: Status;
  /** Look again after this many ms even if nothing is heard; the runtime's resync holds where it is absent. */
  readonly lookAgainMs?: number;
  /** That look goes with the changes and not with the resync: something runs out meanwhile. */
  readonly punctual?: true;
  /** What the object waits for, for the queues view; absent while it moves or is settled. */
  readonly waitsFor?: string;
  /** What the Event says where Ready's reason changes, if that is more than Ready's message. */
  readonly detail?: string;
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

/** What a planner concludes about the whole object. */
export interface Verdict<Reason extends string> {
  readonly status: ConditionStatus;
  readonly reason: Reason;
  readonly message: string;
  /** moving: work is under way. stalled: only a person can mend it. */
  readonly also?: 'moving' | 'stalled';
}

/** The conditions that say a verdict: Ready, and Reconciling or Stalled beside it. */
export function verdictConditions<Reason extends string>(generation: number, { status, reason, message, also }: Verdict<Reason>) {
  const said = { reason, message: clip(message, 1024), observedGeneration: generation };
  const ready = { type: 'Ready' as const, status, ...said };
  if (also === undefined) return [ready];
  const beside = also === 'moving' ? ('Reconciling' as const) : ('Stalled' as const);
  return [ready, { type: beside, status: 'True' as const, ...said }];
}
