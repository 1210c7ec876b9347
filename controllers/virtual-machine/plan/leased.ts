import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VmFacts, VmStatus } from './facts.ts';

/**
 * Whether the machine stops with the lease of its host, so that a lease that ran out proves it dead. Published before the machine may be described
 * otherwise, so it is never said of one that is not; what was not seen at this place is not said, nor of a place that changes (`moves`).
 */
export function leasedAfter({ spec, status }: VirtualMachine, { machine }: VmFacts, moves: boolean): Pick<VmStatus, 'leased'> {
  if (spec.onHostFailure !== 'Reschedule' || moves) return {};
  const leased = machine?.known === true ? machine.value?.leased : status.leased;
  return leased === true ? { leased } : {};
}
