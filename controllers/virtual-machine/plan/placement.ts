import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { conditionIn } from '../../../apis/meta/condition.ts';
import { schedule } from '../schedule.ts';
import { filterOf, NOT_READY } from '../schedule-filter.ts';
import { roomOf } from '../schedule-room.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';
import { planPreparation } from './preparation.ts';
import type { Conclusion } from './say.ts';

const NOT_RUNNING = 'is given a host when it shall run';

/** What is said of a VM that shall not run and has no place. */
export const PLACELESS: Conclusion = {
  ...{ status: 'True', reason: 'Stopped', message: NOT_RUNNING, restartToken: null },
  scheduled: { status: 'False', reason: 'Stopped', message: NOT_RUNNING },
};

/** Picks a host, as a claim: it is published, then verified, and only then does anything reach the host. */
export function planPlacement(vm: VirtualMachine, { disks, room = roomOf([], []) }: VmFacts): Conclusion {
  const { spec, status } = vm;
  if (!spec.running) return PLACELESS;
  // Where its disks are decides where it may go.
  const homeless = disks.find(({ pool }) => pool === undefined);
  if (homeless !== undefined) {
    const { reason, message } = homeless.blocked ?? { reason: 'VolumeNotReady', message: `Volume ${homeless.volume} has no pool yet` };
    return { status: 'False', reason, message, scheduled: { status: 'False', reason, message } };
  }
  const { host, message, detail, unsupported } = schedule(requestOf(vm, disks), room);
  if (host === undefined) {
    const reason = unsupported ? 'NotSupported' : 'Unschedulable';
    return {
      ...{ status: 'False', reason, message, detail, scheduled: { status: 'False', reason, message } },
      ...(unsupported && { also: 'stalled' as const }),
    };
  }
  return {
    ...{ status: 'False', reason: 'Scheduled', message: `goes to Host ${host}`, detail, also: 'moving' },
    placement: { host, epoch: (status.placementEpoch ?? 0) + 1 },
    scheduled: { status: 'Unknown', reason: 'Scheduled', message },
  };
}

/**
 * Looks again, before the first call, at who else claimed the host: the room has those that come before this one. Of two that do not fit
 * together the later one goes elsewhere. A claim that holds is published together with what comes next.
 */
export function planVerification(vm: VirtualMachine, facts: VmFacts): Conclusion {
  const { disks, room } = facts;
  const name = vm.status.host ?? '';
  const request = requestOf(vm, disks);
  const index = room?.hosts.findIndex((host) => host.name === name) ?? -1;
  const cause = room === undefined || index < 0 ? NOT_READY : filterOf(request, room, room.neighboursOf(request))(index);
  if (cause !== undefined) {
    const message = `Host ${name} ${cause.one}: looking for another`;
    return {
      ...{ status: 'False', reason: 'Unschedulable', message, also: 'moving', placement: null },
      scheduled: { status: 'False', reason: 'Unschedulable', message },
    };
  }
  const claimed = conditionIn(vm, 'Scheduled')?.message ?? `on Host ${name}`;
  return { ...planPreparation(vm, facts), scheduled: { status: 'True', reason: 'Scheduled', message: claimed } };
}
