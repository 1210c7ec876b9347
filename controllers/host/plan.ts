import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { nameList } from '../../apis/meta/sentence.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Plan, Planned, Verdict } from '../runtime/plan.ts';
import { collectSteps } from './plan-collect.ts';
import type { CollectStep } from './plan-collect.ts';
import type { HostFacts } from './plan-facts.ts';
import { hostIdBefore, observedFields } from './plan-observed.ts';

type HostReason = Host['status']['conditions'][number]['reason'];
type HostStatus = Planned<Host['status']>;
type PlannedHostCondition = HostStatus['conditions'][number];

/** forget: closes the session of a host that leaves. */
export type HostStep = { readonly do: 'forget' } | CollectStep;

const UNREACHABLE_LOOK_MS = 5000;
const COLLECTING_LOOK_MS = 2000;

/** What keeps the host where it is. */
function inUse({ placed, claimed }: HostFacts): readonly string[] {
  return [...placed.map(({ name }) => `VirtualMachine ${name}`), ...claimed.map((name) => `Volume ${name}`)];
}

function verdictOf(host: Host, facts: HostFacts): Verdict<HostReason> {
  const { spec } = host;
  const { pod, device, placed, twin } = facts;
  if (pod === undefined) return { status: 'False', reason: 'PodNotFound', message: `there is no Pod ${spec.pod}` };
  if (device === undefined) return { status: 'Unknown', reason: 'Pending', message: 'nobody has asked its driver yet' };
  if (!device.known) {
    const { reason, because, field } = device;
    if (reason === 'DRIVER_UNKNOWN') {
      return { status: 'False', reason: 'DriverUnknown', message: `there is no driver ${spec.driver.name} here`, also: 'stalled' };
    }
    if (reason === 'CONFIG_INVALID') {
      const where = field === undefined ? 'spec.driver.config' : `spec.driver.config.${field}`;
      return { status: 'False', reason: 'ConfigInvalid', message: `${where}: ${because}`, also: 'stalled' };
    }
    return { status: 'Unknown', reason: 'DriverUnreachable', message: `the driver ${spec.driver.name} does not answer: ${because}` };
  }
  const before = hostIdBefore(host, facts);
  if (before !== undefined) {
    const message = `spec.driver leads to machine ${device.value.observation.hostId}, but ${nameList(inUse(facts))} went to ${before}: change it back`;
    return { status: 'False', reason: 'ConfigInvalid', message, also: 'stalled' };
  }
  if (twin !== undefined) {
    return { status: 'False', reason: 'DuplicateHost', message: `Host ${twin} is the same machine: delete one of them`, also: 'stalled' };
  }
  if (spec.maintenance && placed.length > 0) {
    return { status: 'False', reason: 'MaintenanceBlocked', message: `${nameList(placed.map(({ name }) => name))} still placed here` };
  }
  if (spec.maintenance) return { status: 'True', reason: 'InMaintenance', message: 'drained as asked' };
  if (pod.allocation === 'Enabled') return { status: 'True', reason: 'AsDeclared', message: 'takes virtual machines' };
  const means = pod.allocation === 'Cordoned' ? 'nothing new is placed here' : 'no call changes anything here';
  return { status: 'True', reason: 'AsDeclared', message: `${pod.allocation}: ${means}` };
}

/** Conditions beside Ready: whether it answers, is drained, is proven dead. */
function asides({ spec, metadata }: Host, { device, placed }: HostFacts): readonly PlannedHostCondition[] {
  const observedGeneration = metadata.generation;
  const say = (type: PlannedHostCondition['type'], status: PlannedHostCondition['status'], reason: HostReason, message: string) => {
    return { type, status, reason, message, observedGeneration };
  };
  const reachable =
    device === undefined
      ? say('Reachable', 'Unknown', 'Pending', 'nobody has asked its driver yet')
      : device.known
        ? say('Reachable', 'True', 'Reachable', 'its driver answers')
        : say('Reachable', 'False', 'NotReachable', 'its driver does not answer for it');
  const blocked = nameList(placed.map(({ name }) => name));
  const maintenance = !spec.maintenance
    ? say('Maintenance', 'False', 'NotInMaintenance', 'not asked for')
    : placed.length > 0
      ? say('Maintenance', 'False', 'MaintenanceBlocked', `waits for ${blocked}: virtual machines are not moved away yet`)
      : say('Maintenance', 'True', 'InMaintenance', 'drained as asked');
  const declared = [...(spec.outOfService === undefined ? [] : ['spec.outOfService']), ...(spec.power === undefined ? [] : ['spec.power'])];
  const fenced =
    declared.length === 0
      ? say('Fenced', 'False', 'NotFenced', 'not proven dead')
      : say('Fenced', 'False', 'NotSupported', `${nameList(declared)} recorded, but nothing acts on it yet`);
  return [reachable, maintenance, fenced];
}

/** Decides what is said of a host, and whether it may go. Pure; no step of it touches a machine but an orphan that spec.collect names. */
export function planHost(host: Host, facts: HostFacts): Plan<HostStep, HostStatus> {
  const { metadata } = host;
  const { generation } = metadata;
  const { pools } = facts;
  const blockers = [...inUse(facts), ...pools.map((name) => `StoragePool ${name}`)];
  const deleting = metadata.deletionTimestamp !== undefined;
  const leaves = deleting && blockers.length === 0;
  const verdict: Verdict<HostReason> = leaves
    ? { status: 'False', reason: 'Deleting', message: 'nothing is placed here', also: 'moving' }
    : deleting
      ? { status: 'False', reason: 'InUse', message: `waits for ${nameList(blockers)} to go`, also: 'moving' }
      : verdictOf(host, facts);
  const silent = facts.device?.known === false;
  const collecting = deleting || hostIdBefore(host, facts) !== undefined ? [] : collectSteps(host, facts);
  const lookMs = silent ? UNREACHABLE_LOOK_MS : facts.orphans.size > 0 ? COLLECTING_LOOK_MS : undefined;
  return {
    status: {
      observedGeneration: generation,
      ...observedFields(host, facts),
      conditions: [...verdictConditions(generation, verdict), ...asides(host, facts)],
    },
    finalizer: leaves ? 'release' : 'hold',
    steps: leaves ? [{ do: 'forget' }] : collecting,
    ...(lookMs !== undefined && { lookAgainMs: lookMs }),
    ...(verdict.status !== 'True' && !leaves && { waitsFor: verdict.message }),
  };
}
