import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VmFacts } from './facts.ts';
import { diskChanges, ensureMachine, tellLetGo, waitForDisks } from './disks.ts';
import { giveUp, planMove } from './move.ts';
import type { Conclusion } from './say.ts';

/** Makes the machine of a VM that has its place, once all its disks are its own, and starts it. */
export function planPreparation(vm: VirtualMachine, facts: VmFacts): Conclusion {
  const { spec, status } = vm;
  const move =
    planMove(vm, facts, 'placement') ??
    (spec.running || facts.letsGo !== true ? undefined : giveUp(`it has no machine on Host ${status.host ?? ''}`));
  if (move !== undefined) return move;
  if (!spec.running) return { status: 'True', reason: 'Stopped', message: 'as declared', restartToken: null };
  const waits = waitForDisks(facts);
  if (waits !== undefined) return { ...waits, steps: tellLetGo(vm, facts, undefined) };
  const ensure = ensureMachine(vm, facts, diskChanges(facts, { disks: [] }).wanted);
  if (ensure.length === 0) return { status: 'False', reason: 'Preparing', message: `the id of Host ${status.host ?? ''} is not known yet` };
  const message = `making the machine on Host ${status.host ?? ''}`;
  return {
    ...{ status: 'False', reason: 'Preparing', message, also: 'moving' },
    restartToken: spec.restartToken,
    steps: [...ensure, { do: 'start-machine' }],
  };
}
