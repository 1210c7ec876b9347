import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { countOf } from '../../../apis/meta/sentence.ts';
import type { VmFacts } from './facts.ts';
import type { Conclusion } from './say.ts';

/** Decides the zone of a VM that names none, and nothing else: the zone's own leader picks the host. */
export function planZone({ spec, status }: VirtualMachine, { zone, zones }: VmFacts): Conclusion {
  if (zone === 'absent') {
    const name = status.zone ?? spec.placement.zone ?? '';
    return { status: 'False', reason: 'ZoneNotFound', message: `there is no Zone ${name}` };
  }
  const unplaced = (message: string): Conclusion => {
    return { status: 'False', reason: 'Unschedulable', message, scheduled: { status: 'False', reason: 'Unschedulable', message } };
  };
  if (zones.length === 0) return unplaced('no Zone has what it asks for');
  const open = zones.filter(({ allocation, hostsReady }) => allocation === 'Enabled' && hostsReady > 0);
  const [best] = open.sort((one, other) => other.freeMemoryBytes - one.freeMemoryBytes || (one.name < other.name ? -1 : 1));
  if (best === undefined)
    return unplaced(`0 of ${countOf(zones.length, 'zone')} take new work: they are cordoned, or have no host that is ready`);
  const message = `goes to Zone ${best.name}`;
  return { status: 'False', reason: 'Pending', message, also: 'moving', zone: best.name };
}
