import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { countOf, nameList } from '../../../apis/meta/sentence.ts';
import type { Machine } from '../../../drivers/contract/machine.ts';
import { verdictConditions } from '../../runtime/plan.ts';
import type { Verdict } from '../../runtime/plan.ts';
import { macFor } from './describe.ts';
import { leasedAfter } from './leased.ts';
import { misfitOf } from './misfit.ts';
import { scheduledAs } from './scheduled.ts';
import type { Said } from './scheduled.ts';
import type { VmFacts, VmPlan, VmReason, VmStatus, VmStep } from './facts.ts';

type Phase = NonNullable<VmStatus['phase']>;

/** What one stage concludes; what it leaves out stays as it was observed or decided. */
export interface Conclusion extends Verdict<VmReason> {
  readonly steps?: readonly VmStep[];
  readonly finalizer?: VmPlan['finalizer'];
  readonly lookAgainMs?: number;
  /** The zone from now on. */
  readonly zone?: string;
  /** The place from now on; null: none. */
  readonly placement?: { readonly host: string; readonly epoch: number } | null;
  /** The restartToken that it is started for; null: it is not to run. */
  readonly restartToken?: string | null;
  readonly scheduled?: Omit<Said, 'type'>;
  /** What is true once the steps were taken. */
  readonly afterSteps?: Conclusion;
  /** The message at length, for the Event. */
  readonly detail?: string;
}

const PHASES: Readonly<Partial<Record<VmReason, Phase>>> = {
  ZoneNotFound: 'Scheduling',
  Unschedulable: 'Scheduling',
  Moving: 'Scheduling',
  Scheduled: 'Scheduling',
  Adopting: 'Starting',
  VolumeNotFound: 'WaitingForDisks',
  VolumeNotReady: 'WaitingForDisks',
  VolumeClaimed: 'WaitingForDisks',
  WaitingForClaims: 'WaitingForDisks',
  Preparing: 'Starting',
  Starting: 'Starting',
  Restarting: 'Starting',
  GuestRestarts: 'Starting',
  CrashLoop: 'Starting',
  StartQueued: 'Starting',
  Running: 'Running',
  Stopping: 'Stopping',
  Stopped: 'Stopped',
  GuestShutdown: 'Stopped',
  HostUnreachable: 'Unknown',
  HostNotFound: 'Unknown',
  HostFailed: 'Failed',
  Evacuating: 'Stopping',
  Deleting: 'Deleting',
};

const POWER = { running: 'Running', paused: 'Paused', stopped: 'Stopped', unknown: 'Unknown' } as const;

function phaseOf({ metadata }: VirtualMachine, { reason, also }: Conclusion, machine: Machine | undefined): Phase {
  if (metadata.deletionTimestamp !== undefined && reason !== 'HostUnreachable') return 'Deleting';
  // What runs, runs, whatever it waits for.
  if (machine?.power === 'running' && PHASES[reason] !== 'Stopping' && reason !== 'Restarting') return 'Running';
  return PHASES[reason] ?? (also === 'stalled' ? 'Failed' : 'Pending');
}

/** What was seen of the machine; while nobody can tell, what was seen last, but for its power. */
function observedFields(vm: VirtualMachine, { machine }: VmFacts): Pick<VmStatus, 'machineId' | 'powerState' | 'interfaces'> {
  const { machineId, interfaces } = vm.status;
  const declared = vm.spec.interfaces.map((nic) => ({ name: nic.name, mac: macFor(vm, nic), addresses: [] as string[] }));
  if (machine === undefined || (machine.known && machine.value === undefined)) return declared.length === 0 ? {} : { interfaces: declared };
  if (!machine.known || machine.value === undefined) {
    return {
      ...(machineId !== undefined && { machineId, powerState: 'Unknown' }),
      ...(interfaces !== undefined && { interfaces }),
    };
  }
  const { id, power, interfaces: seen } = machine.value;
  const shown = seen.slice(0, 8).map(({ name, mac, addresses }) => ({ name, mac, addresses: [...addresses].sort().slice(0, 16) }));
  return { machineId: id, powerState: POWER[power], ...(shown.length > 0 && { interfaces: shown }) };
}

function disksReady({ disks }: VmFacts): Said {
  const waiting = disks.flatMap(({ blocked }) => blocked ?? []);
  const [first] = waiting;
  if (first === undefined)
    return {
      type: 'DisksReady',
      status: 'True',
      reason: 'DisksReady',
      message: disks.length === 0 ? 'it lists no disks' : `${countOf(disks.length, 'disk')} ready`,
    };
  return { type: 'DisksReady', status: 'False', reason: first.reason, message: nameList(waiting.map(({ message }) => message)) };
}

function restartPending(changes: readonly string[]): Said {
  if (changes.length === 0)
    return { type: 'RestartPending', status: 'False', reason: 'NoChangesPending', message: 'nothing waits for a restart' };
  return { type: 'RestartPending', status: 'True', reason: 'ChangesPending', message: `${nameList(changes)} at the next start` };
}

/** The plan that says a conclusion. */
export function say(vm: VirtualMachine, facts: VmFacts, conclusion: Conclusion): VmPlan {
  const { metadata, status, spec } = vm;
  const { steps = [], finalizer = 'hold', lookAgainMs, detail } = conclusion;
  const machine = facts.machine?.known === true ? facts.machine.value : undefined;
  const kept = conclusion.placement === null ? {} : { host: status.host };
  const { host } = conclusion.placement ?? kept;
  const placementEpoch = conclusion.placement?.epoch ?? status.placementEpoch;
  const zone = conclusion.zone ?? status.zone ?? (facts.zone === 'exists' ? spec.placement.zone : undefined);
  const token = conclusion.restartToken === null ? undefined : (conclusion.restartToken ?? status.restartToken);
  const runs = machine?.power === 'running';
  const misfit = runs ? misfitOf(vm, facts, 'placement') : undefined;
  const changes = runs ? [...machine.pendingChanges, ...(misfit === undefined ? [] : ['placement'])].sort() : [];
  const adopted = status.adopted ?? (machine === undefined ? undefined : spec.adopt);
  const observedGeneration = metadata.generation;
  const asides = [scheduledAs(vm, facts, conclusion, misfit), disksReady(facts), restartPending(changes)];
  return {
    status: {
      observedGeneration,
      phase: phaseOf(vm, conclusion, machine),
      ...(zone !== undefined && { zone }),
      ...(host !== undefined && { host }),
      ...(placementEpoch !== undefined && { placementEpoch }),
      ...observedFields(vm, facts),
      ...leasedAfter(vm, facts, conclusion.placement !== undefined),
      ...(token !== undefined && { restartToken: token }),
      ...(adopted !== undefined && { adopted }),
      ...(changes.length > 0 && { pendingChanges: changes }),
      conditions: [...verdictConditions(observedGeneration, conclusion), ...asides.map((said) => ({ ...said, observedGeneration }))],
    },
    finalizer,
    steps,
    ...(conclusion.afterSteps !== undefined && { afterSteps: say(vm, facts, conclusion.afterSteps).status }),
    ...(lookAgainMs !== undefined && { lookAgainMs }),
    ...(detail !== undefined && { detail }),
    ...(conclusion.status !== 'True' && steps.length === 0 && finalizer !== 'release' && { waitsFor: conclusion.message }),
  };
}
