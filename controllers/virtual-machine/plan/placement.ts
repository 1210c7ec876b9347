import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { causeOf, phraseOf } from '../schedule-filter.ts';
import { freeOf, schedule } from '../schedule.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';
import type { Conclusion } from './say.ts';

const NOT_RUNNING = 'is given a host when it shall run';

/** What is said of a VM that shall not run and has no place. */
export const PLACELESS: Conclusion = {
  ...{ status: 'True', reason: 'Stopped', message: NOT_RUNNING, restartToken: null },
  scheduled: { status: 'False', reason: 'Stopped', message: NOT_RUNNING },
};

/** Picks a host, as a claim: it is published, then verified, and only then does anything reach the host. */
export function planPlacement(vm: VirtualMachine, { disks, candidates, placed }: VmFacts): Conclusion {
  const { spec, status } = vm;
  if (!spec.running) return PLACELESS;
  // Where its disks are decides where it may go.
  const homeless = disks.find(({ pool }) => pool === undefined);
  if (homeless !== undefined) {
    const { reason, message } = homeless.blocked ?? { reason: 'VolumeNotReady', message: `Volume ${homeless.volume} has no pool yet` };
    return { status: 'False', reason, message, scheduled: { status: 'False', reason, message } };
  }
  const choice = schedule(requestOf(vm, disks), candidates, placed);
  if (choice.host === undefined) {
    const { message, unsupported } = choice;
    const reason = unsupported ? 'NotSupported' : 'Unschedulable';
    return {
      ...{ status: 'False', reason, message, scheduled: { status: 'False', reason, message } },
      ...(unsupported && { also: 'stalled' as const }),
    };
  }
  const message = `goes to Host ${choice.host}`;
  return {
    ...{ status: 'False', reason: 'Scheduled', message, also: 'moving' },
    placement: { host: choice.host, epoch: (status.placementEpoch ?? 0) + 1 },
    scheduled: { status: 'Unknown', reason: 'Scheduled', message: `claims a place on Host ${choice.host}` },
  };
}

/**
 * Looks again, before the first call, at who else claimed the host: `placed` are those that come before this one. Of two that do not fit
 * together the later one goes elsewhere.
 */
export function planVerification(vm: VirtualMachine, { host, disks, placed }: VmFacts): Conclusion {
  const name = vm.status.host ?? '';
  const request = requestOf(vm, disks);
  const others = placed.filter(({ uid }) => uid !== vm.metadata.uid);
  const candidate = host?.candidate;
  const free = candidate === undefined ? undefined : freeOf([candidate], others).get(candidate.name);
  const cause = candidate === undefined || free === undefined ? 'notReady' : causeOf(request, candidate, free, others);
  if (cause !== undefined) {
    const message = `Host ${name} ${phraseOf(cause, 1)}: looking for another`;
    return {
      ...{ status: 'False', reason: 'Unschedulable', message, also: 'moving', placement: null },
      scheduled: { status: 'False', reason: 'Unschedulable', message },
    };
  }
  const message = `on Host ${name}`;
  return { status: 'False', reason: 'Scheduled', message, also: 'moving', scheduled: { status: 'True', reason: 'Scheduled', message } };
}
