import { VirtualMachineKind } from '../../apis/compute/v1alpha1/virtual-machine/kind.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Client } from '../../client/client.ts';
import type { View } from '../../client/view.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { LeftCopy } from './plan-facts.ts';

/** Where machines were seen, and of whom. */
export interface Seen {
  readonly host: string;
  readonly machines: readonly Machine[];
  readonly installation: string;
  /** Whether the host comes back: then a view that lags is not believed. */
  readonly returns: boolean;
}

/**
 * Whether a VM has given up the place that this machine of it was made for. A machine of a later placement than the object tells of is not
 * judged: then the object is the older one.
 */
export function hasLeft(vm: VirtualMachine, { placementEpoch }: Machine, host: string): boolean {
  // The same epoch elsewhere: a copy that has heard of the later placement when it was stopped.
  return vm.status.host !== host && (vm.status.placementEpoch ?? 0) >= placementEpoch;
}

/** The machines on a host whose VMs have given up their place there: seen in the view, and read from the store before anything is done. */
export async function copiesOn(
  { host, machines, installation, returns }: Seen,
  view: View<VirtualMachine>,
  client: Client,
  signal: AbortSignal,
): Promise<readonly LeftCopy[]> {
  const judged = machines.map(async (machine): Promise<LeftCopy | undefined> => {
    const { owner, released, power } = machine;
    if (owner?.installation !== installation || released) return undefined;
    const key = { namespace: owner.namespace, name: owner.name };
    const isLeft = (vm: VirtualMachine | undefined): vm is VirtualMachine => vm?.metadata.uid === owner.uid && hasLeft(vm, machine, host);
    if (!returns && !isLeft(view.get(key))) return undefined;
    const vm = await client.get<VirtualMachine>(VirtualMachineKind, key, signal);
    if (!isLeft(vm)) return undefined;
    const { metadata, status } = vm;
    const name = `${owner.namespace}/${owner.name}`;
    return { uid: owner.uid, name, power, generation: metadata.generation, placementEpoch: status.placementEpoch ?? 0 };
  });
  const copies = (await Promise.all(judged)).flatMap((copy) => copy ?? []);
  return copies.sort((one, other) => (one.uid < other.uid ? -1 : 1));
}
