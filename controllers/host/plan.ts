import { coveringFence } from '../../apis/infra/v1alpha1/host/fence.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { nameList } from '../../apis/meta/sentence.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Verdict } from '../runtime/plan.ts';
import { asides, isStated } from './plan-asides.ts';
import type { Conclusion } from './plan-asides.ts';
import { collectSteps } from './plan-collect.ts';
import type { HostFacts, HostPlan, HostReason } from './plan-facts.ts';
import { fullnessOfHost } from './plan-full.ts';
import { hasNone } from './plan-lease.ts';
import { fencedVerdict, planSilence, proofOf } from './plan-loss.ts';
import { planMaintenance } from './plan-maintenance.ts';
import { hostIdBefore, observedFields } from './plan-observed.ts';
import { planCleaning } from './plan-return.ts';

const SILENT_LOOK_MS = 5000;
const CLEANING_LOOK_MS = 2000;
const MAX_LOOK_MS = 60_000;
/** Looks in the time of a lease: so many in a row must fail before it runs out. */
const RENEWALS = 4;

/** What keeps the host where it is. */
function inUse({ placed, claimed }: HostFacts): readonly string[] {
  return [...placed.map(({ name }) => `VirtualMachine ${name}`), ...claimed.map((name) => `Volume ${name}`)];
}

/** What is concluded while nobody answers for the host. */
function unanswered(host: Host, facts: HostFacts): Conclusion {
  const { spec } = host;
  const { device } = facts;
  if (device?.known !== false) return { status: 'Unknown', reason: 'Pending', message: 'nobody has asked its driver yet' };
  const fence = proofOf(host, facts);
  if (fence !== undefined) return { ...fencedVerdict(fence, facts), fence };
  const { reason, because, field } = device;
  if (reason === 'DRIVER_UNKNOWN') {
    return { status: 'False', reason: 'DriverUnknown', message: `there is no driver ${spec.driver.name} here`, also: 'stalled' };
  }
  if (reason === 'CONFIG_INVALID') {
    const where = field === undefined ? 'spec.driver.config' : `spec.driver.config.${field}`;
    return { status: 'False', reason: 'ConfigInvalid', message: `${where}: ${because}`, also: 'stalled' };
  }
  // A proof about an earlier boot proves nothing of this one, but that the host was not cleaned yet.
  const uncleaned = coveringFence(host) === undefined ? host.status.fence : undefined;
  return { ...planSilence(host, facts, because), ...(uncleaned !== undefined && { fence: uncleaned }) };
}

/** What is concluded about a host that answers. */
function answered(host: Host, facts: HostFacts, allocation: NonNullable<HostFacts['pod']>['allocation'], hostId: string): Conclusion {
  const { spec, status } = host;
  const { twin } = facts;
  // What was proven stays so until the host itself is back, and clean.
  const still = status.fence === undefined ? {} : { fence: status.fence };
  const before = hostIdBefore(host, facts);
  if (before !== undefined) {
    const message = `spec.driver leads to machine ${hostId}, but ${nameList(inUse(facts))} went to ${before}: change it back`;
    return { status: 'False', reason: 'ConfigInvalid', message, also: 'stalled', ...still };
  }
  if (twin !== undefined) {
    const message = `Host ${twin} is the same machine: delete one of them`;
    return { status: 'False', reason: 'DuplicateHost', message, also: 'stalled', ...still };
  }
  const cleaning = planCleaning(facts);
  if (cleaning !== undefined) return { ...cleaning, ...still };
  if (spec.outOfService !== undefined && isStated(host, facts)) {
    const message = 'spec.outOfService says that it is dead, and its driver answers for this very boot: take it away to use the host';
    return { status: 'False', reason: 'OutOfService', message };
  }
  const maintenance = planMaintenance(host, facts);
  if (maintenance !== undefined) return maintenance;
  const full = fullnessOfHost(host, facts);
  if (full !== undefined && full.now !== 'HasRoom') {
    return { status: 'True', reason: full.now, message: `takes no new virtual machines: ${full.message}` };
  }
  if (allocation === 'Enabled') return { status: 'True', reason: 'AsDeclared', message: 'takes virtual machines' };
  const means = allocation === 'Cordoned' ? 'nothing new is placed here' : 'no call changes anything here';
  return { status: 'True', reason: 'AsDeclared', message: `${allocation}: ${means}` };
}

function conclude(host: Host, facts: HostFacts): Conclusion {
  const { pod, device } = facts;
  if (pod === undefined) {
    const { fence } = host.status;
    return { status: 'False', reason: 'PodNotFound', message: `there is no Pod ${host.spec.pod}`, ...(fence !== undefined && { fence }) };
  }
  return device?.known === true ? answered(host, facts, pod.allocation, device.value.observation.hostId) : unanswered(host, facts);
}

/** How long the lease is that the host offers; 0: none. */
function offeredMs({ device }: HostFacts): number {
  return device?.known === true ? (device.value.lease?.offeredMs ?? 0) : 0;
}

/** Whether its driver tells in time when the host answers no more, and nothing else asks for looks. */
function isToldOf({ device, besideSilent }: HostFacts, { reason }: Verdict<HostReason>, suspectMs: number): boolean {
  if (device?.known !== true || besideSilent || reason !== 'AsDeclared') return false;
  const { beatMs, lease } = device.value;
  // A lease that is no more offered ends only by a look, and stops machines otherwise.
  const isLeased = lease !== undefined && !hasNone(lease);
  return beatMs !== undefined && beatMs <= suspectMs && !isLeased;
}

/** When to look again without being told: soon at what is silent, and regularly at what carries virtual machines or is to witness a silence. */
function lookAgainMs(facts: HostFacts, conclusion: Verdict<HostReason>): number | undefined {
  const { device, placed, zone, orphans, besideSilent } = facts;
  const leaseMs = offeredMs(facts);
  const renewMs = leaseMs === 0 ? MAX_LOOK_MS : Math.ceil(leaseMs / RENEWALS);
  const suspectMs = zone === undefined ? SILENT_LOOK_MS : Math.ceil((zone.failover.afterSeconds * 1000) / 3);
  const lookMs = Math.min(suspectMs, renewMs, MAX_LOOK_MS);
  if (device?.known === false) return Math.min(SILENT_LOOK_MS, lookMs);
  if (conclusion.reason === 'Cleaning' || orphans.size > 0) return CLEANING_LOOK_MS;
  if (device === undefined || isToldOf(facts, conclusion, suspectMs)) return undefined;
  return placed.length + leaseMs > 0 || besideSilent ? lookMs : undefined;
}

/** Decides what one host needs next. Pure: the same host and facts give the same plan. */
export function planHost(host: Host, facts: HostFacts): HostPlan {
  const { metadata } = host;
  const { generation } = metadata;
  const blockers = [...inUse(facts), ...facts.pools.map((name) => `StoragePool ${name}`)];
  const deleting = metadata.deletionTimestamp !== undefined;
  const leaves = deleting && blockers.length === 0;
  const conclusion = conclude(host, facts);
  const verdict: Verdict<HostReason> = leaves
    ? { status: 'False', reason: 'Deleting', message: 'nothing is placed here', also: 'moving' }
    : deleting
      ? { status: 'False', reason: 'InUse', message: `waits for ${nameList(blockers)} to go`, also: 'moving' }
      : conclusion;
  const { fence, steps = [] } = conclusion;
  // What is cleaned, or is another machine than was thought, is cleared of nothing else.
  const clears = !deleting && fence === undefined && steps.length === 0 && hostIdBefore(host, facts) === undefined;
  const collecting = clears ? collectSteps(host, facts) : [];
  const again = leaves ? undefined : lookAgainMs(facts, conclusion);
  return {
    status: {
      observedGeneration: generation,
      ...observedFields(host, facts),
      ...(fence !== undefined && { fence }),
      conditions: [...verdictConditions(generation, verdict), ...asides(host, facts, conclusion)],
    },
    finalizer: leaves ? 'release' : 'hold',
    steps: leaves ? [{ do: 'forget' }] : [...steps, ...collecting],
    ...(again !== undefined && { lookAgainMs: again }),
    ...(offeredMs(facts) > 0 && { punctual: true }),
    ...(verdict.status !== 'True' && !leaves && { waitsFor: verdict.message }),
  };
}
