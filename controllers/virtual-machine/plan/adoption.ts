import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { nameList } from '../../../apis/meta/sentence.ts';
import type { VmFacts } from './facts.ts';
import type { Conclusion } from './say.ts';

function refuse(reason: 'NotAdoptable' | 'NotSupported', message: string): Conclusion {
  return { status: 'False', reason, message, also: 'stalled' };
}

/** The place of a machine that is taken in is where it is: nobody else can claim that, so there is nothing to verify. */
function choosePlace({ status }: VirtualMachine, { adoptHosts = [] }: VmFacts, id: string): Conclusion {
  const [host, ...others] = adoptHosts;
  if (host === undefined || others.length > 0) {
    const message =
      host === undefined
        ? `no Host of Zone ${status.zone ?? ''} lists an unmanaged machine ${id}`
        : `Hosts ${nameList(adoptHosts)} each list an unmanaged machine ${id}`;
    return { ...refuse('NotAdoptable', message), scheduled: { status: 'False', reason: 'NotAdoptable', message } };
  }
  const message = `on Host ${host}, which has the machine`;
  return {
    ...{ status: 'False', reason: 'Adopting', message, also: 'moving' },
    placement: { host, epoch: (status.placementEpoch ?? 0) + 1 },
    scheduled: { status: 'True', reason: 'Scheduled', message },
  };
}

/** Takes in the machine that spec.adopt names, where nobody manages it and every disk of it is declared; it is neither stopped nor changed by that. */
export function planAdoption(vm: VirtualMachine, facts: VmFacts): Conclusion {
  const id = vm.spec.adopt ?? '';
  const { capabilities, adoptable, disks } = facts;
  if (vm.status.host === undefined) return choosePlace(vm, facts, id);
  const host = `Host ${vm.status.host}`;
  if (!capabilities.includes('machine.adopt')) return refuse('NotSupported', `the driver of ${host} cannot take in machines`);
  if (adoptable?.state === 'managed')
    return refuse('NotAdoptable', `machine ${id} of ${host} is managed by VirtualMachine ${adoptable.by}`);
  if (adoptable?.state === 'elsewhere')
    return refuse('NotAdoptable', `machine ${id} of ${host} was made in Namespace ${adoptable.namespace}: it is taken in there`);
  if (adoptable?.state !== 'there') return refuse('NotAdoptable', `${host} has no machine ${id} any more`);
  const declared = new Set(disks.map(({ uid }) => uid));
  const unknown = adoptable.disks.filter((uid) => !declared.has(uid));
  if (unknown.length > 0) {
    return refuse(
      'NotAdoptable',
      `machine ${id} holds ${nameList(unknown)}: declare the Volumes of these disks, or they would be detached`,
    );
  }
  const message = `taking in machine ${id} of ${host}`;
  return { status: 'False', reason: 'Adopting', message, also: 'moving', steps: [{ do: 'adopt-machine', id, from: adoptable.from }] };
}
