import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Cause } from '../schedule-facts.ts';
import { filterOf } from '../schedule-filter.ts';
import { requestOf } from './describe.ts';
import type { VmFacts } from './facts.ts';

/** What a placement asks for; that a host is full, cordoned or down, or that others keep off, moves nothing that is there. */
const ASKED: readonly Cause['of'][] = ['placement'];

/** Why the host that a VM has is no longer one that its placement asks for, as people read it; undefined: it is. */
export function misfitOf(
  vm: VirtualMachine,
  { host, disks, beside }: VmFacts,
  what: 'placement' | 'placement and room',
): string | undefined {
  if (host === undefined || beside === undefined) return undefined;
  // As if it took new work: only what the VM itself asks for counts.
  const { full: _full, ...candidate } = host.candidate;
  const open = { ...candidate, ready: true, deleting: false, maintenance: false, allocation: 'Enabled' } as const;
  const request = { ...requestOf(vm, disks), capabilities: [] };
  const there = { ...beside, hosts: [open] };
  const cause = filterOf(request, there, there.neighboursOf(request))(0);
  const counts = what === 'placement' ? ASKED : [...ASKED, 'room'];
  return cause !== undefined && counts.includes(cause.of) ? `Host ${open.name} ${cause.one}` : undefined;
}
