import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { bytesOf } from '../../../apis/meta/quantity.ts';
import type { PlacementRequest } from '../schedule-facts.ts';
import type { DescribedDisk, Description, DiskFact } from './facts.ts';
import { macOf } from './mac.ts';

type Interface = VirtualMachine['spec']['interfaces'][number];

/** The hardware address of an interface: the given one, or one derived from the VM's uid. */
export function macFor({ metadata }: VirtualMachine, { name, mac }: Interface): string {
  return mac ?? macOf(metadata.uid, name);
}

/** A disk as the machine is told of it; undefined while its volume is not known. */
export function describedDisk({ name, uid, readOnly, pool }: DiskFact): DescribedDisk | undefined {
  return uid === undefined || pool === undefined ? undefined : { name, uid, readOnly, pool: pool.name };
}

/** What a driver is told about a VM, with these of its disks. */
export function describe(vm: VirtualMachine, disks: readonly DescribedDisk[]): Description {
  const { cpus, memory, boot, interfaces, userData } = vm.spec;
  return {
    cpus,
    memoryBytes: bytesOf(memory),
    ...(boot !== undefined && { boot }),
    disks,
    interfaces: interfaces.map((nic) => {
      const { name, mode, bridge } = nic;
      const how = mode === 'Bridge' ? { mode: 'bridge' as const, bridge: bridge ?? '' } : { mode: 'user' as const };
      return { name, mac: macFor(vm, nic), ...how };
    }),
    ...(userData?.inline !== undefined && { userData: userData.inline }),
    ...(vm.spec.onHostFailure === 'Reschedule' && { leased: true }),
  };
}

/** What a VM asks of a host, once the pools of its disks are known. */
export function requestOf({ metadata, spec }: VirtualMachine, disks: readonly DiskFact[]): PlacementRequest {
  const { boot, userData, interfaces } = spec;
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? {},
    cpus: spec.cpus,
    memoryBytes: bytesOf(spec.memory),
    placement: spec.placement,
    capabilities: [
      boot === undefined ? 'machine.boot-disk' : 'machine.boot-kernel',
      ...(userData === undefined ? [] : ['machine.user-data']),
      ...new Set(interfaces.map(({ mode }) => `machine.interface.${mode.toLowerCase()}`)),
    ],
    pools: disks.flatMap(({ pool }) => pool ?? []),
  };
}
