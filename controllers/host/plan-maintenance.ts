import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { nameList } from '../../apis/meta/sentence.ts';
import type { Verdict } from '../runtime/plan.ts';
import type { HostFacts, HostReason } from './plan-facts.ts';

/** How far the maintenance is that was asked for; undefined: none was. Drains by what VMs let be done with them, and stops nothing itself. */
export function planMaintenance({ spec }: Host, { placed }: HostFacts): Verdict<HostReason> | undefined {
  if (!spec.maintenance) return undefined;
  if (placed.length === 0) return { status: 'True', reason: 'InMaintenance', message: 'drained as asked' };
  const names = (leaves: boolean | 'stuck'): string => nameList(placed.filter((vm) => vm.leaves === leaves).map(({ name }) => name));
  const [stay, stuck, leave] = [names(false), names('stuck'), names(true)];
  if (stay === '' && stuck === '') return { status: 'False', reason: 'Draining', message: `waits for ${leave} to leave`, also: 'moving' };
  const says = [
    ...(stay === '' ? [] : [`${stay} may not be stopped: spec.onMaintenance is Stay`]),
    ...(stuck === '' ? [] : [`no other host has room for ${stuck}`]),
    ...(leave === '' ? [] : [`waits for ${leave} to leave`]),
  ];
  return { status: 'False', reason: 'MaintenanceBlocked', message: says.join('; ') };
}
