import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VmFacts } from './facts.ts';
import type { Conclusion } from './say.ts';
import { planUnseen } from './unseen.ts';
import { isVerified } from './verified.ts';

const STOPPING_LOOK_MS = 2000;

/** Lets the object go although its machine may be there, and may run: its volumes stay claimed until it is seen, or proven, that it does not. */
function givenUp({ spec }: VirtualMachine, why: string): Conclusion | undefined {
  if (spec.abandon === undefined) return undefined;
  const message = `${why}: given up (${spec.abandon.reason}); its volumes stay claimed until it is seen that the machine is gone`;
  return { status: 'False', reason: 'Abandoned', message, also: 'moving', finalizer: 'release' };
}

function unknown(vm: VirtualMachine, facts: VmFacts): Conclusion {
  const unseen = planUnseen(vm, facts);
  return givenUp(vm, unseen.message) ?? unseen;
}

/** Stops the guest, removes the machine, and lets the object go; its volumes' claims fall once they see that the machine is gone. */
export function planDeletion(vm: VirtualMachine, facts: VmFacts): Conclusion {
  const { spec, status } = vm;
  const { machine: answer, host } = facts;
  const leaving = (message: string): Conclusion => ({ status: 'False', reason: 'Deleting', message, also: 'moving' });
  const gone: Conclusion = { ...leaving('the machine is gone'), finalizer: 'release' };
  if (status.host === undefined) return gone;
  // A place that was only claimed has seen no call.
  const unseen = answer?.known !== true || answer.value === undefined;
  if (unseen && !isVerified(vm)) return { ...gone, message: 'no machine was made' };
  if (host?.fence !== undefined) return { ...gone, message: `the machine died with Host ${status.host} (${host.fence})` };
  if (facts.zone === 'absent' || host === undefined || answer?.known !== true) return unknown(vm, facts);
  const refused = facts.refused === undefined ? undefined : givenUp(vm, `the machine is not removed: ${facts.refused.message}`);
  if (refused !== undefined) return refused;
  const machine = answer.value;
  // Deleting what is not there leaves the mark that stops an Ensure which is still under way.
  if (machine === undefined) return { ...gone, steps: [{ do: 'delete-machine' }] };
  if (machine.released) return { ...gone, message: 'the machine was handed back to the world' };
  if (machine.power === 'unknown') return unknown(vm, facts);
  if (machine.power === 'stopped') return { ...leaving('removing the machine'), steps: [{ do: 'delete-machine' }] };
  const stopping: Conclusion = { ...leaving('the guest is shutting down'), lookAgainMs: STOPPING_LOOK_MS };
  if (machine.stoppingSinceMs !== undefined) return stopping;
  return { ...stopping, steps: [{ do: 'stop-machine', deadlineMs: spec.stopTimeoutSeconds * 1000 }] };
}
