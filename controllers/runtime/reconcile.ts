import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Log } from '../../apis/meta/log.ts';
import { clip } from '../../apis/meta/sentence.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { keyOf, type Client } from '../../client/client.ts';
import type { Recorder } from '../../client/recorder.ts';
import { DriverError, recoveryOf } from '../../drivers/contract/driver-error.ts';
import { newerEpochOf } from './device.ts';
import type { AnyController, Refusal, Round } from './controller.ts';
import { stampConditions, type Plan, type PlannedCondition } from './plan.ts';

/** How a round ended. */
export type RoundEnd =
  /** The object is gone, or is no longer ours to decide. */
  | { readonly end: 'gone' }
  /** As it should be, or waiting for something that will be heard of. */
  | { readonly end: 'settled'; readonly lookAgainMs?: number; readonly punctual?: true; readonly waitsFor?: string }
  /** Steps were taken: look at what became of them. */
  | { readonly end: 'moved' }
  /** Decided on a stale object: look again at once. */
  | { readonly end: 'stale' }
  | { readonly end: 'failed'; readonly why: string; readonly retryAfterMs?: number };

export interface RoundOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Says whose round it is with every line. */
  readonly log: Log;
  readonly recorder: Recorder;
  /** Steps that drivers refused for good, by uid and generation of the object. */
  readonly refusals: Map<string, Refusal>;
  /** Steps that failed in their last try and are tried again, likewise: what is not ready says why. */
  readonly failures: Map<string, Refusal>;
  /** Throws once this process may no longer be the leader; asked right before each step. */
  readonly check: () => void;
  /** Told of the object whenever it was written. */
  readonly wrote: (object: ApiObject) => void;
  /** Told when a driver has seen a newer leader than us. */
  readonly onStaleEpoch: (seen: number, signal: AbortSignal) => Promise<void>;
}

interface Conditions {
  readonly conditions: readonly PlannedCondition[];
}

type Status = Conditions & Readonly<Record<string, unknown>>;

interface Condition extends PlannedCondition {
  readonly lastTransitionTime: string;
}

/** Refusals and failures are remembered for this many objects. */
const MAX_REFUSALS = 10_000;
/** What a condition's message may hold. */
const MAX_MESSAGE = 1024;

/** One round of one object: observe, plan, publish, take. The only control flow there is. */
export async function reconcile(
  controller: AnyController,
  object: ApiObject,
  round: Round,
  options: RoundOptions,
  signal: AbortSignal,
): Promise<RoundEnd> {
  const seen = await observe(controller, object, round, options, signal);
  if ('end' in seen) return seen;
  const planned = controller.plan(object, seen.facts) as Plan<{ readonly do: string }, Status>;
  const plan = withFailure(planned, options.failures.get(round.trace));
  const published = await publish(controller, object, plan, round, options, signal);
  if (published === 'stale') return { end: 'stale' };
  // Nothing of ours may begin on what leaves: its finalizer, which would bring us back to undo it, can no longer be set.
  if (plan.finalizer === 'hold' && !(published.metadata.finalizers ?? []).includes(controller.finalizer)) return settled(plan);
  for (const step of plan.steps) {
    options.log.info({ step: step.do }, 'step');
    const failure = await takeOne(controller, step, published, round, options, signal);
    if (failure !== undefined) return failure;
  }
  if (plan.finalizer === 'release') return release(controller, published, options, signal);
  if (plan.afterSteps !== undefined) {
    const after = await publish(
      controller,
      published,
      { status: plan.afterSteps, finalizer: plan.finalizer, steps: [] },
      round,
      options,
      signal,
    );
    if (after === 'stale') return { end: 'stale' };
  }
  if (plan.steps.length > 0) return { end: 'moved' };
  return settled(plan);
}

function settled({ lookAgainMs, punctual, waitsFor }: Plan<unknown, unknown>): RoundEnd {
  return {
    end: 'settled',
    ...(lookAgainMs !== undefined && { lookAgainMs }),
    ...(punctual === true && { punctual }),
    ...(waitsFor !== undefined && { waitsFor }),
  };
}

async function observe(
  controller: AnyController,
  object: ApiObject,
  round: Round,
  { onStaleEpoch }: RoundOptions,
  signal: AbortSignal,
): Promise<{ readonly facts: unknown } | RoundEnd> {
  try {
    return { facts: await controller.observe(object, round, signal) };
  } catch (error) {
    const seen = newerEpochOf(error);
    if (seen === undefined) throw error;
    await onStaleEpoch(seen, signal);
    return { end: 'stale' };
  }
}

/** Makes the plan known before anything is done; a plan made from an old version of the object dies here. */
async function publish(
  controller: AnyController,
  object: ApiObject,
  plan: Plan<{ readonly do: string }, Status>,
  round: Round,
  { client, clock, recorder, wrote }: RoundOptions,
  signal: AbortSignal,
): Promise<ApiObject | 'stale'> {
  const { kind, finalizer } = controller;
  try {
    let current = object;
    const finalizers = current.metadata.finalizers ?? [];
    const held = finalizers.includes(finalizer);
    if (plan.finalizer === 'hold' && !held && current.metadata.deletionTimestamp === undefined) {
      const metadata = { resourceVersion: current.metadata.resourceVersion, finalizers: [...finalizers, finalizer] };
      current = await client.patch(kind, keyOf(current), { metadata }, signal);
    }
    const before = (object.status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const status = { ...plan.status, conditions: stampConditions(plan.status.conditions, before, now) };
    if (plan.steps.length > 0 || !same(status, object.status)) {
      current = await client.replaceStatus(kind, { ...current, status }, signal);
      tell(recorder, object, round, { before, after: status.conditions, detail: plan.detail });
    }
    if (current !== object) wrote(current);
    return current;
  } catch (error) {
    if (error instanceof ApiError && (error.reason === 'Conflict' || error.reason === 'NotFound')) return 'stale';
    throw error;
  }
}

/** The plan whose Ready says why its step failed the last time, where it is the step's turn again. */
function withFailure(plan: Plan<{ readonly do: string }, Status>, failure: Refusal | undefined): Plan<{ readonly do: string }, Status> {
  if (failure === undefined || !plan.steps.some((step) => step.do === failure.step)) return plan;
  const conditions = plan.status.conditions.map((condition) => {
    if (condition.type !== 'Ready' || condition.status === 'True') return condition;
    return { ...condition, message: clip(`${condition.message}; the last try failed: ${failure.message}`, MAX_MESSAGE) };
  });
  return { ...plan, status: { ...plan.status, conditions } };
}

/** Takes our finalizer away; the API lets the object go when it was the last. */
async function release(
  { kind, finalizer }: AnyController,
  object: ApiObject,
  { client }: RoundOptions,
  signal: AbortSignal,
): Promise<RoundEnd> {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return { end: 'gone' };
  try {
    const metadata = { resourceVersion: object.metadata.resourceVersion, finalizers: finalizers.filter((one) => one !== finalizer) };
    await client.patch(kind, keyOf(object), { metadata }, signal);
    return { end: 'gone' };
  } catch (error) {
    if (error instanceof ApiError && (error.reason === 'Conflict' || error.reason === 'NotFound')) return { end: 'stale' };
    throw error;
  }
}

/** Whether two JSON values are equal; the order of fields does not count. */
function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one))
    return Array.isArray(other) && one.length === other.length && one.every((item, index) => same(item, other[index]));
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null || Array.isArray(other)) return one === other;
  const [ours, theirs] = [one as Readonly<Record<string, unknown>>, other as Readonly<Record<string, unknown>>];
  const names = Object.keys(ours).filter((name) => ours[name] !== undefined);
  return names.length === Object.keys(theirs).length && names.every((name) => same(ours[name], theirs[name]));
}

/** An Event when the reason of Ready changes: what happened, in the words of the status. */
function tell(
  recorder: Recorder,
  object: ApiObject,
  { trace }: Round,
  {
    before,
    after,
    detail,
  }: { readonly before: readonly PlannedCondition[]; readonly after: readonly PlannedCondition[]; readonly detail: string | undefined },
): void {
  const ready = after.find(({ type }) => type === 'Ready');
  const old = before.find(({ type }) => type === 'Ready');
  if (ready === undefined || (old?.reason === ready.reason && old.status === ready.status)) return;
  const stalled = after.some(({ type, status }) => type === 'Stalled' && status === 'True');
  recorder.record(object, {
    type: stalled || ready.status === 'Unknown' ? 'Warning' : 'Normal',
    reason: ready.reason,
    message: detail ?? ready.message,
    trace,
  });
}

async function takeOne(
  controller: AnyController,
  step: { readonly do: string },
  object: ApiObject,
  round: Round,
  options: RoundOptions,
  signal: AbortSignal,
): Promise<RoundEnd | undefined> {
  // Timers may fire late: whether we still lead is asked of the clock itself, and an aborted round acts no more.
  signal.throwIfAborted();
  options.check();
  try {
    await controller.take(step, object, round, signal);
    if (options.failures.get(round.trace)?.step === step.do) options.failures.delete(round.trace);
    return undefined;
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    const said = `${step.do}: ${error.message}`;
    options.log.info({ step: step.do, code: error.code, reason: error.reason }, said);
    options.recorder.record(object, { type: 'Warning', reason: 'StepFailed', message: said, trace: round.trace });
    const seen = newerEpochOf(error);
    if (seen !== undefined) await options.onStaleEpoch(seen, signal);
    const recovery = recoveryOf(error);
    const failure = { step: step.do, reason: error.reason, message: error.message };
    remember(recovery === 'stop' ? options.refusals : options.failures, round.trace, failure);
    const after = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
    return { end: 'failed', why: said, ...after };
  }
}

function remember(refusals: Map<string, Refusal>, trace: string, refusal: Refusal): void {
  refusals.set(trace, refusal);
  const [oldest] = refusals.keys();
  if (refusals.size > MAX_REFUSALS && oldest !== undefined) refusals.delete(oldest);
}
