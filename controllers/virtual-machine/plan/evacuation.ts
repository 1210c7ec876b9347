import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { schedule } from '../schedule.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';

/** Where a VM may go from a host in maintenance: away, nowhere and why, or (undefined) it is not to leave now. */
export type Exit = { readonly may: true } | { readonly may: false; readonly message: string };

/** Whether a VM that shall run leaves its host for another that has room now; where none has, it rather runs on. */
export function exitOf(vm: VirtualMachine, { evacuates, disks, room }: VmFacts): Exit | undefined {
  if (evacuates !== true || room === undefined) return undefined;
  const choice = schedule(requestOf(vm, disks), room);
  return choice.host === undefined ? { may: false, message: choice.message } : { may: true };
}

/** Why a VM leaves its host to be drained, as people read it; undefined: it does not. What does not run has nothing to lose. */
export function drainOf(vm: VirtualMachine, facts: VmFacts): string | undefined {
  const { host, machine } = facts;
  if (host?.candidate.maintenance !== true) return undefined;
  const waits = vm.spec.running && machine?.known === true && machine.value !== undefined;
  return waits && exitOf(vm, facts)?.may !== true ? undefined : `Host ${host.candidate.name} is in maintenance`;
}
