import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';

/** Whether a VM's claim on its host was checked against the others: published before the first call that makes its machine. */
export function isVerified({ status }: Pick<VirtualMachine, 'status'>): boolean {
  return status.conditions.some(({ type, status: is }) => type === 'Scheduled' && is === 'True');
}
