import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { planAdoption } from './plan/adoption.ts';
import { planDeletion } from './plan/deletion.ts';
import type { VmFacts, VmPlan } from './plan/facts.ts';
import { planFenced } from './plan/fenced.ts';
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
  /** A machine that is there already is to become its own. */
  | 'Adopting'
  /** It has a zone and no host. */
  | 'Unplaced'
  /** Nobody can tell what its machine does. */
  | 'Unseen'
  /** Its machine is proven dead, with its host. */
  | 'Fenced'
  /** It claims a place that nobody has checked against other claims. */
  | 'Unverified'
  /** It has its place and no machine. */
  | 'Absent'
  | 'Stopped'
  | 'Running'
  | 'Deleting';

type Planner = (vm: VirtualMachine, facts: VmFacts) => Conclusion;

/** Nothing reads Secrets yet. */
function planUnsupported(): Conclusion {
  return { status: 'False', reason: 'NotSupported', message: 'spec.userData.secretRef is not supported yet', also: 'stalled' };
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
  Adopting: planAdoption,
  Unplaced: planPlacement,
  Unseen: planUnseen,
  Fenced: planFenced,
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
  if (vm.spec.userData?.secretRef !== undefined) return 'Unsupported';
  if (zone !== 'exists') return 'Homeless';
  const adopts = vm.spec.adopt !== undefined && status.adopted === undefined;
  if (status.host === undefined) return adopts ? 'Adopting' : 'Unplaced';
  const verified = isVerified(vm);
  if (verified && host?.fence !== undefined) return 'Fenced';
  // Nothing was sent there yet: a host that is gone or known to be down is no reason to wait.
  const lost = host?.candidate.ready !== true;
  if (host === undefined || machine?.known !== true) return !verified && lost ? 'Unverified' : 'Unseen';
  if (machine.value !== undefined) {
    if (machine.value.power === 'unknown') return 'Unseen';
    return machine.value.power === 'stopped' ? 'Stopped' : 'Running';
  }
  if (adopts) return 'Adopting';
  return verified ? 'Absent' : 'Unverified';
}

/** Takes the steps away where no call may change anything, or where the driver has said for good that it cannot. */
function permitted(vm: VirtualMachine, { host, refused }: VmFacts, conclusion: Conclusion): Conclusion {
  const { steps = [] } = conclusion;
  if (steps.length === 0) return conclusion;
  // Nothing was done, so nothing is said to be: what the steps were for stays as it was.
  const {
    restartToken: _restartToken,
    also: _also,
    afterSteps: _afterSteps,
    ...without
  } = { ...conclusion, steps: [], finalizer: 'hold' as const };
  if (host?.candidate.allocation === 'Disabled') {
    const message = `Host ${host.candidate.name} is Disabled: no call may change anything there`;
    return { ...without, status: 'False', reason: 'HostDisabled', message };
  }
  if (host?.cleaning === true) {
    const message = `Host ${host.candidate.name} is back, and is cleaned before anything else is done there`;
    return { ...without, status: 'False', reason: 'HostFailed', message };
  }
  const at = vm.metadata.deletionTimestamp === undefined ? steps.findIndex((step) => step.do === refused?.step) : -1;
  if (refused === undefined || at < 0) return conclusion;
  // What comes before it is none of its business, and is still done; what comes after may build on it.
  return { ...without, status: 'False', reason: 'Refused', message: refused.message, also: 'stalled', steps: steps.slice(0, at) };
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
