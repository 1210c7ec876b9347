import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { StoreWrite } from '../../server/store/store.ts';

/** What users declared of a VM, by generation, and what was last said of it. */
export interface DeclaredVm {
  readonly specs: Map<number, VirtualMachine['spec']>;
  latest: VirtualMachine;
}

/** Everything that was ever declared, as the store was told. */
export interface Declared {
  /** By uid. */
  readonly vms: ReadonlyMap<string, DeclaredVm>;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly hosts: ReadonlyMap<string, Host>;
  /** When each host was last to be drained, by uid; Infinity: it is. */
  readonly drainedMs: ReadonlyMap<string, number>;
  learn(write: Exclude<StoreWrite, { readonly do: 'compare' | 'remove' }>, nowMs: number): void;
}

const MACHINES = 'compute.lenticular.dev/virtualmachines/';
const VOLUMES = 'storage.lenticular.dev/volumes/';
const HOSTS = 'infra.lenticular.dev/hosts/';

/** Nothing yet. */
export function createDeclared(): Declared {
  const vms = new Map<string, DeclaredVm>();
  const volumes = new Map<string, Volume>();
  const hosts = new Map<string, Host>();
  const drainedMs = new Map<string, number>();
  const learnVm = (vm: VirtualMachine): void => {
    const known = vms.get(vm.metadata.uid) ?? { specs: new Map<number, VirtualMachine['spec']>(), latest: vm };
    known.specs.set(vm.metadata.generation, vm.spec);
    known.latest = vm;
    vms.set(vm.metadata.uid, known);
  };
  return {
    vms,
    volumes,
    hosts,
    drainedMs,
    learn({ key, value }, nowMs) {
      if (key.startsWith(MACHINES)) learnVm(JSON.parse(value) as VirtualMachine);
      else if (key.startsWith(VOLUMES)) {
        const volume = JSON.parse(value) as Volume;
        volumes.set(volume.metadata.uid, volume);
      } else if (key.startsWith(HOSTS)) {
        const host = JSON.parse(value) as Host;
        const { uid } = host.metadata;
        hosts.set(uid, host);
        if (host.spec.maintenance) drainedMs.set(uid, Infinity);
        else if (drainedMs.get(uid) === Infinity) drainedMs.set(uid, nowMs);
      }
    },
  };
}
