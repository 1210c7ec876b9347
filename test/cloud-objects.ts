import { VirtualMachineFields } from '../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VirtualMachine } from '../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { VirtualMachineKind } from '../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { HostKind } from '../apis/infra/v1alpha1/host/kind.ts';
import { HostFields } from '../apis/infra/v1alpha1/host/schema.ts';
import type { Host } from '../apis/infra/v1alpha1/host/schema.ts';
import { PodKind } from '../apis/infra/v1alpha1/pod/kind.ts';
import { PodFields } from '../apis/infra/v1alpha1/pod/schema.ts';
import type { Pod } from '../apis/infra/v1alpha1/pod/schema.ts';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import { ZoneFields } from '../apis/infra/v1alpha1/zone/schema.ts';
import type { Zone } from '../apis/infra/v1alpha1/zone/schema.ts';
import type { KindDefinition } from '../apis/meta/kind.ts';
import { apiVersionOf } from '../apis/meta/kind.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { StoragePoolKind } from '../apis/storage/v1alpha1/storage-pool/kind.ts';
import { StoragePoolFields } from '../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { StoragePool } from '../apis/storage/v1alpha1/storage-pool/schema.ts';
import { VolumeKind } from '../apis/storage/v1alpha1/volume/kind.ts';
import { VolumeFields } from '../apis/storage/v1alpha1/volume/schema.ts';
import type { Volume } from '../apis/storage/v1alpha1/volume/schema.ts';
import { indexView, type ViewIndex } from '../client/view-index.ts';
import { createManualView, type ManualView } from './manual-view.ts';

const NOW = '2026-01-01T00:00:00Z';

/** Views that show what a test tells them, of everything that VMs depend on. */
export interface ManualWorld {
  readonly zones: ManualView<Zone>;
  readonly pods: ManualView<Pod>;
  readonly hosts: ManualView<Host>;
  readonly pools: ManualView<StoragePool>;
  readonly volumes: ManualView<Volume>;
  readonly machines: ManualView<VirtualMachine>;
  readonly machinesOn: ViewIndex<VirtualMachine>;
  readonly claimedBy: ViewIndex<Volume>;
}

/** Views that show nothing yet. */
export function manualWorld(): ManualWorld {
  const machines = createManualView<VirtualMachine>(VirtualMachineKind);
  const volumes = createManualView<Volume>(VolumeKind);
  return {
    zones: createManualView(ZoneKind),
    pods: createManualView(PodKind),
    hosts: createManualView(HostKind),
    pools: createManualView(StoragePoolKind),
    volumes,
    machines,
    machinesOn: indexView(machines, ({ status }) => [status.host]),
    claimedBy: indexView(volumes, ({ status }) => [status.claim?.uid]),
  };
}

/** What a test says of an object's metadata. */
export interface About {
  readonly uid?: string;
  readonly version?: number;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

function headOf(
  kind: KindDefinition,
  name: string,
  { uid = `uid-${name}`, version = 1, generation = 1, labels }: About,
): Pick<ApiObject, 'apiVersion' | 'kind' | 'metadata'> {
  const metadata = {
    name,
    uid,
    resourceVersion: String(version),
    generation,
    creationTimestamp: NOW,
    ...(labels !== undefined && { labels }),
  };
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
}

export function zoneObject(name: string, spec: object = {}, about: About = {}): Zone {
  return { ...headOf(ZoneKind, name, about), ...ZoneFields.parse({ spec }) };
}

export function podObject(name: string, spec: object, about: About = {}): Pod {
  return { ...headOf(PodKind, name, about), ...PodFields.parse({ spec }) };
}

/** A host of 16 CPUs and 64Gi that is ready, changed by what a test says. */
export function hostObject(
  name: string,
  { ready = true, ...spec }: { readonly pod: string; readonly ready?: boolean },
  about: About = {},
): Host {
  const resources = { cpus: 16, memory: '64Gi', storage: '0' };
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', reason: 'AsDeclared', message: '', lastTransitionTime: NOW };
  const capabilities = ['disk-protocol.sim', 'machine.boot-disk', 'machine.interface.user'];
  const status = { capacity: resources, allocatable: resources, capabilities, conditions: [condition] };
  return { ...headOf(HostKind, name, about), ...HostFields.parse({ spec: { driver: { name: 'sim', config: {} }, ...spec }, status }) };
}

/** A VM of 2 CPUs and 4Gi in the namespace `default`, changed by what a test says. */
export function machineObject(name: string, spec: object = {}, status: object = {}, about: About = {}): VirtualMachine {
  const head = headOf(VirtualMachineKind, name, about);
  const fields = VirtualMachineFields.parse({ spec: { cpus: 2, memory: '4Gi', ...spec }, status: { conditions: [], ...status } });
  return { ...head, metadata: { ...head.metadata, namespace: 'default' }, ...fields };
}

/** A pool of the sim driver, changed by what a test says. */
export function poolObject(name: string, spec: object, status: object = {}, about: About = {}): StoragePool {
  const fields = StoragePoolFields.parse({ spec: { driver: { name: 'sim' }, ...spec }, status: { conditions: [], ...status } });
  return { ...headOf(StoragePoolKind, name, about), ...fields };
}

/** A volume of 10Gi in the namespace `default`, changed by what a test says. */
export function volumeObject(name: string, spec: object = {}, status: object = {}, about: About = {}): Volume {
  const head = headOf(VolumeKind, name, about);
  const fields = VolumeFields.parse({ spec: { size: '10Gi', ...spec }, status: { conditions: [], ...status } });
  return { ...head, metadata: { ...head.metadata, namespace: 'default' }, ...fields };
}

/** The condition that says how all of an object is. */
export const readyAs = (status: 'True' | 'False' | 'Unknown', reason: string) => {
  return { type: 'Ready', status, reason, message: '', lastTransitionTime: NOW };
};

/** The condition that says how far a VM's claim is. */
export const scheduled = (status: 'True' | 'False' | 'Unknown') => {
  return { type: 'Scheduled' as const, status, reason: 'Scheduled' as const, message: '', lastTransitionTime: NOW };
};
