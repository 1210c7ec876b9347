import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { schedule } from '../schedule.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';
import { PLACELESS } from './placement.ts';
import type { Conclusion } from './say.ts';

/** Where a VM may go from a host in maintenance: away, nowhere and why, or (undefined) it is not to leave now. */
export type Exit = { readonly may: true } | { readonly may: false; readonly message: string };

/** Whether a VM that shall run leaves its host for another that has room now; where none has, it rather runs on. */
export function exitOf(vm: VirtualMachine, { evacuates, disks, candidates, placed }: VmFacts): Exit | undefined {
  if (evacuates !== true) return undefined;
  const choice = schedule(requestOf(vm, disks), candidates, placed);
  return choice.host === undefined ? { may: false, message: choice.message } : { may: true };
}

/** Leaves a place where no machine is left. */
export function leavePlace({ spec, status }: VirtualMachine): Conclusion {
  if (!spec.running) return { ...PLACELESS, placement: null };
  const message = `leaves Host ${status.host ?? ''}, which is in maintenance`;
  const scheduled = { status: 'False', reason: 'Evacuating', message } as const;
  return { status: 'False', reason: 'Evacuating', message, also: 'moving', placement: null, scheduled };
}
