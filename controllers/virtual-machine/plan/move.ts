import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { schedule } from '../schedule.ts';
import { requestOf } from './describe.ts';
import { drainOf } from './evacuation.ts';
import type { VmFacts } from './facts.ts';
import { misfitOf } from './misfit.ts';
import type { Conclusion } from './say.ts';

/** Whether a move was published: the machine may be deleted already, and then nothing passes there before the next placement. */
function hasBegun({ status }: VirtualMachine): boolean {
  return status.conditions.some((one) => one.type === 'Scheduled' && one.status === 'True' && one.reason === 'Moving');
}

/**
 * Gives up the place of a VM that does not run, where it no longer fits or is to be drained, or where that has begun; undefined: it stays. The
 * machine is deleted first, although it may not be there: the mark that this leaves stops an Ensure which is still under way. Claims on its volumes fall when their controller has seen that.
 */
export function planMove(vm: VirtualMachine, facts: VmFacts, what: 'placement' | 'placement and room'): Conclusion | undefined {
  const begun = hasBegun(vm) ? `Host ${vm.status.host ?? ''} is being left` : undefined;
  const misfit = misfitOf(vm, facts, what) ?? drainOf(vm, facts) ?? begun;
  return misfit === undefined ? undefined : giveUp(`${misfit}: it goes elsewhere`);
}

/** Gives up a place for good reason, once a mark is left there. */
export function giveUp(message: string): Conclusion {
  const moving = { status: 'False', reason: 'Moving', message, also: 'moving' } as const;
  return {
    ...{ ...moving, steps: [{ do: 'delete-machine' }] },
    scheduled: { status: 'True', reason: 'Moving', message: moving.message },
    afterSteps: { ...moving, placement: null, scheduled: { status: 'False', reason: 'Moving', message: moving.message } },
  };
}

/**
 * Why a VM that runs is not restarted although that was asked for: it would have to go elsewhere, and there is nowhere to go. Undefined: it may.
 */
export function whyStay(vm: VirtualMachine, facts: VmFacts): string | undefined {
  const { room, disks } = facts;
  const misfit = misfitOf(vm, facts, 'placement and room');
  if (misfit === undefined || room === undefined) return undefined;
  const choice = schedule(requestOf(vm, disks), room);
  return choice.host === undefined ? `${misfit}, and ${choice.message}` : undefined;
}
