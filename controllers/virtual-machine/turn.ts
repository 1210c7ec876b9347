import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { isVerified } from './plan/verified.ts';
import type { World } from './world.ts';

/** How many VMs are being stopped and removed on one host in maintenance at once. */
const AT_ONCE = 2;

/** Whether a VM may be restarted elsewhere when its host shall be drained. */
export function mayLeave({ metadata, spec, status }: VirtualMachine): boolean {
  return spec.running && spec.onMaintenance === 'Restart' && metadata.deletionTimestamp === undefined && isVerified({ status });
}

/** Whether it is this VM's turn to leave its host: in the order of uids, where those that have nowhere to go keep nobody waiting. */
export function isItsTurn({ machinesOn }: World, vm: VirtualMachine): boolean {
  const waits = ({ status }: VirtualMachine): boolean =>
    status.conditions.some(({ type, reason }) => type === 'Scheduled' && reason === 'NoCapacity');
  const earlier = machinesOn
    .of(vm.status.host ?? '')
    .filter((other) => other.metadata.uid < vm.metadata.uid && mayLeave(other) && !waits(other));
  return earlier.length < AT_ONCE;
}
