import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { conditionsIn } from '../../cmd/cloudctl/judge.ts';
import type { DiskDoc, MachineDoc } from '../../drivers/sim/documents.ts';
import { settled } from '../../drivers/sim/machine-state.ts';
import type { World } from '../../drivers/sim/world.ts';

/** Kinds that say by their condition Ready whether they are as declared. */
const JUDGED: ReadonlySet<string> = new Set(['Zone', 'Pod', 'Host', 'StoragePool', 'Volume', 'VirtualMachine']);

/** Objects of the kinds that devices have to do with. */
interface Stored {
  readonly hosts: readonly Host[];
  readonly pools: readonly ApiObject[];
  readonly volumes: readonly Volume[];
  readonly vms: readonly VirtualMachine[];
}

function storedOf(objects: readonly ApiObject[]): Stored {
  const of = (kind: string): readonly unknown[] => objects.filter((object) => object.kind === kind);
  return {
    hosts: of('Host') as readonly Host[],
    pools: of('StoragePool') as readonly ApiObject[],
    volumes: of('Volume') as readonly Volume[],
    vms: of('VirtualMachine') as readonly VirtualMachine[],
  };
}

const nameOf = ({ kind, metadata }: ApiObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

/** Whether what an object gives as its reason is so. */
type Truth = (object: ApiObject, stored: Stored) => boolean;

/** What may keep an object from being as declared for ever. */
const TRUTHS: Readonly<Record<string, Truth>> = {
  'VirtualMachine Unschedulable'(object, stored) {
    const { spec } = object as VirtualMachine;
    return stored.hosts.every(({ status }) => (status.allocatable?.cpus ?? 0) < spec.cpus);
  },
  'VirtualMachine VolumeNotFound'({ metadata, spec }, stored) {
    const names = stored.volumes.filter((volume) => volume.metadata.namespace === metadata.namespace);
    const { disks } = spec as VirtualMachine['spec'];
    return disks.some(({ volume }) => names.every((one) => one.metadata.name !== volume));
  },
  'Volume StoragePoolNotFound'({ spec }, stored) {
    const { storagePool } = spec as Volume['spec'];
    return stored.pools.every(({ metadata }) => metadata.name !== storagePool);
  },
};

/** What is not as declared, or has not been looked at, and cannot say truly why: a sentence each. */
export function untrue(objects: readonly ApiObject[]): readonly string[] {
  const stored = storedOf(objects);
  return objects
    .filter(({ kind }) => JUDGED.has(kind))
    .flatMap((object) => {
      if (object.metadata.deletionTimestamp !== undefined) return [`${nameOf(object)} does not go`];
      const ready = conditionsIn(object).find(({ type }) => type === 'Ready');
      const { observedGeneration = 0 } = (object.status ?? {}) as { readonly observedGeneration?: number };
      if (ready === undefined || observedGeneration < object.metadata.generation) return [`${nameOf(object)} was not looked at`];
      if (ready.status === 'True') return [];
      const truth = TRUTHS[`${object.kind} ${ready.reason ?? ''}`];
      return truth?.(object, stored) === true ? [] : [`${nameOf(object)} is not Ready: ${ready.reason ?? ''}, ${ready.message ?? ''}`];
    });
}

interface Machine {
  readonly place: string;
  readonly uid: string;
  readonly runs: boolean;
}

function machineDiffers(vm: VirtualMachine, machines: readonly Machine[], hosts: ReadonlyMap<string, string>): readonly string[] {
  const mine = machines.filter(({ uid }) => uid === vm.metadata.uid);
  const running = mine.filter(({ runs }) => runs).map(({ place }) => hosts.get(place) ?? place);
  const should = vm.spec.running && vm.status.powerState === 'Running' ? [vm.status.host ?? ''] : [];
  const same = running.length === should.length && running.every((host) => should.includes(host));
  const all = mine.length > 1 ? [`${nameOf(vm)} has machines on ${mine.map(({ place }) => hosts.get(place) ?? place).join(', ')}`] : [];
  return same ? all : [...all, `${nameOf(vm)} runs on ${running.join(', ') || 'no host'} and should on ${should.join(', ') || 'none'}`];
}

function diskDiffers(volume: Volume, disks: readonly DiskDoc[]): readonly string[] {
  const mine = disks.filter(({ id }) => id === volume.metadata.uid);
  const [disk] = mine;
  if (volume.status.volumeId === undefined && disk === undefined) return [];
  if (disk === undefined || mine.length > 1) return [`${nameOf(volume)} has ${mine.length} disks`];
  const bytes = bytesOf(volume.spec.size);
  return disk.sizeBytes === bytes ? [] : [`the disk of ${nameOf(volume)} has ${disk.sizeBytes} bytes and should have ${bytes}`];
}

/** No host of the chaos has a lease. */
const UNLEASED = {};

/** How machines and disks differ from what is declared, and what of them nobody owns: a sentence each. Objects are as they should be. */
export function leaks(objects: readonly ApiObject[], worlds: readonly World[], nowMs: number): readonly string[] {
  const { vms, volumes, ...stored } = storedOf(objects);
  const hosts = new Map(stored.hosts.map(({ metadata }) => [metadata.uid, metadata.name]));
  const machines = worlds
    .flatMap((world) => world.all('machines'))
    .map(({ place, uid, doc }): Machine => ({ place, uid, runs: settled(doc as MachineDoc, UNLEASED, nowMs).active !== undefined }));
  const disks = worlds.flatMap((world) => world.all('disks')).map(({ doc }) => doc as DiskDoc);
  const owners = new Set([...vms, ...volumes].map(({ metadata }) => metadata.uid));
  return [
    ...machines
      .filter(({ uid }) => !owners.has(uid))
      .map(({ uid, place }) => `the machine ${uid} on ${hosts.get(place) ?? place} is nobody’s`),
    ...disks.filter(({ id }) => !owners.has(id)).map(({ id }) => `the disk ${id} is nobody’s`),
    ...vms.flatMap((vm) => machineDiffers(vm, machines, hosts)),
    ...volumes.flatMap((volume) => diskDiffers(volume, disks)),
  ];
}
