import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';

/** Whether a VM that runs shall be restarted: its restartToken is another than the one that it was started for. */
export function isToRestart({ spec, status }: Pick<VirtualMachine, 'spec' | 'status'>): boolean {
  return spec.running && (status.restartToken ?? spec.restartToken) !== spec.restartToken;
}
