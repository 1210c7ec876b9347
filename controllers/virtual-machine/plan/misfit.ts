import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { causeOf, phraseOf } from '../schedule-filter.ts';
import type { Cause } from '../schedule-filter.ts';
import { freeOf } from '../schedule.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';

/** What a placement asks for; that a host is full, cordoned or down moves nothing that is there. */
const ASKED: readonly Cause[] = ['otherPod', 'notSelected', 'antiAffinity', 'poolOutOfReach'];
const ROOM: readonly Cause[] = ['memory', 'cpus'];

/** Why the host that a VM has is no longer one that its placement asks for, as people read it; undefined: it is. */
export function misfitOf(
  vm: VirtualMachine,
  { host, disks, placed }: VmFacts,
  what: 'placement' | 'placement and room',
): string | undefined {
  if (host === undefined) return undefined;
  const others = placed.filter(({ uid }) => uid !== vm.metadata.uid);
  // As if it took new work: only what the VM itself asks for counts.
  const open = { ...host.candidate, ready: true, deleting: false, maintenance: false, allocation: 'Enabled' } as const;
  const request = { ...requestOf(vm, disks), capabilities: [] };
  const free = freeOf([open], others).get(open.name) ?? open.allocatable;
  const cause = causeOf(request, open, free, others);
  const counts = what === 'placement' ? ASKED : [...ASKED, ...ROOM];
  return cause !== undefined && counts.includes(cause) ? `Host ${open.name} ${phraseOf(cause, 1)}` : undefined;
}
