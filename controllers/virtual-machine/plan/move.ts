import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
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
