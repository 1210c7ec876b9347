import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { schedule } from '../schedule.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';
import { misfitOf } from './misfit.ts';
import type { Conclusion } from './say.ts';

/**
 * Gives up the place of a VM that does not run, where it no longer fits; undefined: it fits. The machine is deleted first, although it may not be
 * there: the mark that this leaves stops an Ensure which is still under way. Claims on its volumes fall when their controller has seen that.
 */
export function planMove(vm: VirtualMachine, facts: VmFacts, what: 'placement' | 'placement and room'): Conclusion | undefined {
  const misfit = misfitOf(vm, facts, what);
  if (misfit === undefined) return undefined;
  const moving = { status: 'False', reason: 'Moving', message: `${misfit}: it goes elsewhere`, also: 'moving' } as const;
  return {
    ...{ ...moving, steps: [{ do: 'delete-machine' }] },
    afterSteps: { ...moving, placement: null, scheduled: { status: 'False', reason: 'Moving', message: moving.message } },
  };
}

/**
 * Why a VM that runs is not restarted although that was asked for: it would have to go elsewhere, and there is nowhere to go. Undefined: it may.
 */
export function whyStay(vm: VirtualMachine, facts: VmFacts): string | undefined {
  const misfit = misfitOf(vm, facts, 'placement and room');
  if (misfit === undefined) return undefined;
  const choice = schedule(requestOf(vm, facts.disks), facts.candidates, facts.placed);
  return choice.host === undefined ? `${misfit}, and ${choice.message}` : undefined;
}
