import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { planDeletion } from './plan/deletion.ts';
import type { VmFacts, VmPlan } from './plan/facts.ts';
import { isVerified } from './plan/verified.ts';
import { planPlacement, planVerification } from './plan/placement.ts';
import { planPreparation } from './plan/preparation.ts';
import { planRunning } from './plan/running.ts';
import { say } from './plan/say.ts';
import type { Conclusion } from './plan/say.ts';
import { planStopped } from './plan/stopped.ts';
import { planUnseen } from './plan/unseen.ts';
import { planZone } from './plan/zone.ts';

/** Where in its life a VM is; derived from facts in every round, never remembered. */
export type Stage =
  /** Something is declared that cannot be done yet. */
  | 'Unsupported'
  /** It has no zone. */
  | 'Homeless'
  /** It has a zone and no host. */
  | 'Unplaced'
  /** Nobody can tell what its machine does. */
  | 'Unseen'
  /** It claims a place that nobody has checked against other claims. */
  | 'Unverified'
  /** It has its place and no machine. */
  | 'Absent'
  | 'Stopped'
  | 'Running'
  | 'Deleting';

type Planner = (vm: VirtualMachine, facts: VmFacts) => Conclusion;

/** Declared fields that nothing acts on yet. */
function unsupportedField({ spec }: VirtualMachine): string | undefined {
  if (spec.adopt !== undefined) return 'spec.adopt';
  if (spec.abandon !== undefined) return 'spec.abandon';
  return spec.userData?.secretRef === undefined ? undefined : 'spec.userData.secretRef';
}

function planUnsupported(vm: VirtualMachine): Conclusion {
  const message = `${unsupportedField(vm) ?? 'a field'} is not supported yet`;
  return { status: 'False', reason: 'NotSupported', message, also: 'stalled' };
}

/** Plans with the machine that is there. */
function withMachine(plan: (vm: VirtualMachine, facts: VmFacts, machine: Parameters<typeof planRunning>[2]) => Conclusion): Planner {
  return (vm, facts) => {
    const machine = facts.machine?.known === true ? facts.machine.value : undefined;
    return machine === undefined ? planUnseen(vm, facts) : plan(vm, facts, machine);
  };
}

const PLANNERS = {
  Unsupported: planUnsupported,
  Homeless: planZone,
  Unplaced: planPlacement,
  Unseen: planUnseen,
  Unverified: planVerification,
  Absent: planPreparation,
  Stopped: withMachine(planStopped),
  Running: withMachine(planRunning),
  Deleting: planDeletion,
} satisfies Record<Stage, Planner>;

/** Where in its life a VM is, by what is known about it. */
export function stageOf(vm: VirtualMachine, { zone, host, machine }: VmFacts): Stage {
  const { metadata, status } = vm;
  if (metadata.deletionTimestamp !== undefined) return 'Deleting';
  if (unsupportedField(vm) !== undefined) return 'Unsupported';
  if (zone !== 'exists') return 'Homeless';
  if (status.host === undefined) return 'Unplaced';
  const verified = isVerified(vm);
  // Nothing was sent there yet: a host that is gone or known to be down is no reason to wait.
  const lost = host?.candidate.ready !== true;
  if (host === undefined || machine?.known !== true) return !verified && lost ? 'Unverified' : 'Unseen';
  if (machine.value !== undefined) {
    if (machine.value.power === 'unknown') return 'Unseen';
    return machine.value.power === 'stopped' ? 'Stopped' : 'Running';
  }
  return verified ? 'Absent' : 'Unverified';
}

/** Takes the steps away where no call may change anything, or where the driver has said for good that it cannot. */
function permitted(vm: VirtualMachine, { host, refused }: VmFacts, conclusion: Conclusion): Conclusion {
  const { steps = [] } = conclusion;
  if (steps.length === 0) return conclusion;
  // Nothing was done, so nothing is said to be: what the steps were for stays as it was.
  const { restartToken: _restartToken, also: _also, ...without } = { ...conclusion, steps: [], finalizer: 'hold' as const };
  if (host?.candidate.allocation === 'Disabled') {
    const message = `Host ${host.candidate.name} is Disabled: no call may change anything there`;
    return { ...without, status: 'False', reason: 'HostDisabled', message };
  }
  if (refused === undefined || vm.metadata.deletionTimestamp !== undefined) return conclusion;
  return { ...without, status: 'False', reason: 'Refused', message: refused, also: 'stalled' };
}

/** Stages in which no call was made for the VM: until a step is taken, nothing keeps its object. */
const UNMADE: ReadonlySet<Stage> = new Set(['Homeless', 'Unplaced', 'Unverified']);

/** Decides what one VM needs next. Pure: the same VM and facts give the same plan. */
export function planVirtualMachine(vm: VirtualMachine, facts: VmFacts): VmPlan {
  const stage = stageOf(vm, facts);
  const conclusion = permitted(vm, facts, PLANNERS[stage](vm, facts));
  const unmade = UNMADE.has(stage) && (conclusion.steps ?? []).length === 0;
  return say(vm, facts, { ...(unmade && { finalizer: 'none' }), ...conclusion });
}
