import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { conditionIn } from '../../../apis/meta/condition.ts';
import type { VmFacts, VmStatus } from './facts.ts';

/** A condition as it is planned. */
export type Said = Omit<VmStatus['conditions'][number], 'observedGeneration'>;

/** How what is said of a place ends, where its placement asks for another. */
const LEAVES = ', so at the next stop it goes elsewhere';

/** Why it is where it is, as was decided, or why that is no longer what its placement asks for. */
function placedOn({ candidate }: NonNullable<VmFacts['host']>, before: Said, misfit: string | undefined): string {
  const on = `on Host ${candidate.name}`;
  if (misfit !== undefined) return `${on}: ${misfit}${LEAVES}`;
  return before.reason !== 'Scheduled' || before.message.endsWith(LEAVES) ? on : before.message;
}

/** What is said of a VM's place: what was concluded of it now, or else what was decided, with what has changed since. */
export function scheduledAs(
  { status }: VirtualMachine,
  { host }: VmFacts,
  { scheduled, placement }: { readonly scheduled?: Omit<Said, 'type'>; readonly placement?: object | null },
  misfit: string | undefined,
): Said {
  if (scheduled !== undefined) return { type: 'Scheduled', ...scheduled };
  const before = conditionIn({ status }, 'Scheduled');
  if (before !== undefined && placement === undefined) {
    if (before.status === 'True' && before.reason !== 'Moving' && host !== undefined) {
      return { type: 'Scheduled', status: 'True', reason: 'Scheduled', message: placedOn(host, before, misfit) };
    }
    return { type: 'Scheduled', status: before.status, reason: before.reason, message: before.message };
  }
  return { type: 'Scheduled', status: 'False', reason: 'Unschedulable', message: 'it has no place yet' };
}
