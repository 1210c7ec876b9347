import type { HostFence } from '../../apis/infra/v1alpha1/host/fence.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { clip } from '../../apis/meta/sentence.ts';
import type { Verdict } from '../runtime/plan.ts';
import type { HostFacts, HostReason, HostStatus, HostStep } from './plan-facts.ts';
import { fullCondition } from './plan-full.ts';
import { planMaintenance } from './plan-maintenance.ts';

type PlannedHostCondition = HostStatus['conditions'][number];

/** What is concluded about the whole host; the fence is recorded for as long as it proves something or the host is not clean. */
export interface Conclusion extends Verdict<HostReason> {
  readonly steps?: readonly HostStep[];
  readonly fence?: HostFence;
}

/** Whether an operator's statement is about the boot that was seen last, now or before. */
export function isStated({ spec, status }: Host, { device }: HostFacts): boolean {
  const bootId = device?.known === true ? clip(device.value.observation.bootId, 128) : status.bootId;
  return spec.outOfService?.bootId === bootId;
}

function reachableAs({ device }: HostFacts): Pick<PlannedHostCondition, 'status' | 'reason' | 'message'> {
  if (device === undefined) return { status: 'Unknown', reason: 'Pending', message: 'nobody has asked its driver yet' };
  if (device.known) return { status: 'True', reason: 'Reachable', message: 'its driver answers' };
  // A driver that cannot be asked says nothing about the host.
  if (device.reason === 'DRIVER_UNKNOWN') return { status: 'Unknown', reason: 'DriverUnknown', message: 'there is no such driver here' };
  if (device.reason === 'CONFIG_INVALID')
    return { status: 'Unknown', reason: 'ConfigInvalid', message: 'its driver refuses spec.driver.config' };
  return { status: 'False', reason: 'NotReachable', message: 'its driver does not answer for it' };
}

function fencedAs(
  host: Host,
  facts: HostFacts,
  { fence, status, reason, message }: Conclusion,
): Pick<PlannedHostCondition, 'status' | 'reason' | 'message'> {
  // Silent and not proven dead: the fence is what is left of an earlier boot.
  const isLeft = facts.device?.known === false && reason !== 'Fenced';
  if (fence !== undefined && !isLeft) return { status: 'True', reason: fence.evidence, message: `boot ${fence.bootId}: ${fence.message}` };
  const { outOfService } = host.spec;
  const isVoid = outOfService !== undefined && !isStated(host, facts);
  const note = isVoid ? `; spec.outOfService is about boot ${outOfService.bootId}, which is not the last one seen: it is void` : '';
  // While it is suspected, what is made of that is said here too.
  if (facts.device?.known === false && status === 'Unknown') return { status: 'False', reason, message: clip(`${message}${note}`, 1024) };
  return { status: 'False', reason: 'NotFenced', message: `not proven dead${note}` };
}

/** Conditions beside Ready: whether it answers, is drained, is proven dead. */
export function asides(host: Host, facts: HostFacts, conclusion: Conclusion): readonly PlannedHostCondition[] {
  const { message, reason } = planMaintenance(host, facts) ?? { message: 'not asked for', reason: 'NotInMaintenance' as const };
  const drained = reason === 'InMaintenance';
  const observedGeneration = host.metadata.generation;
  return [
    { type: 'Reachable', ...reachableAs(facts), observedGeneration },
    { type: 'Maintenance', status: drained ? 'True' : 'False', reason, message: clip(message, 1024), observedGeneration },
    { type: 'Fenced', ...fencedAs(host, facts, conclusion), observedGeneration },
    ...fullCondition(host, facts),
  ];
}
