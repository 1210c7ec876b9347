import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Declared, DeclaredVm } from './declared.ts';
import type { Change, Picture, SeenMachine } from './picture.ts';

/** One effect of a call, and the world before and after. */
export interface Scene {
  readonly declared: Declared;
  readonly before: Picture;
  readonly after: Picture;
  /** metadata.generation of the object that the call serves. */
  readonly generation: number;
  /** Whether a host answers to those who ask. */
  readonly answers: (host: string) => boolean;
  /** When the caller began to look at the machine before this call. */
  readonly lookedMs: number;
}

const hostNameOf = ({ hosts }: Declared, place: string): string | undefined => hosts.get(place)?.metadata.name;

/** Whether it shall run where it does, and nobody asked for a restart. */
function shallRun({ latest }: DeclaredVm, spec: VirtualMachine['spec'], hostName: string | undefined): boolean {
  const { metadata, status } = latest;
  if (metadata.deletionTimestamp !== undefined || !spec.running) return false;
  if (status.host !== hostName) return false;
  return spec.restartToken === (status.restartToken ?? spec.restartToken);
}

/** What is wrong with a machine's stop; undefined: nothing. */
function wrongStop({ uid, place }: Change, { declared, before, after, generation, lookedMs }: Scene): string | undefined {
  const vm = declared.vms.get(uid);
  const spec = vm?.specs.get(generation) ?? vm?.latest.spec;
  const host = declared.hosts.get(place);
  if (vm === undefined || spec === undefined || !shallRun(vm, spec, host?.metadata.name)) return undefined;
  // What is taken back after the caller began to look came too late for it.
  if ((declared.drainedMs.get(place) ?? -1) >= lookedMs && spec.onMaintenance === 'Restart') return undefined;
  // Who is judged is whoever switched the host off.
  if (before.hosts.get(place)?.off !== after.hosts.get(place)?.off) return undefined;
  return `${uid} was stopped, and nobody asked for it`;
}

/** Copies on a host of VMs that went elsewhere with a later placement. */
function staleOn({ declared, before }: Scene, place: string): readonly SeenMachine[] {
  return [...before.machines.values()].filter((machine) => {
    const status = declared.vms.get(machine.uid)?.latest.status;
    const elsewhere = status?.host !== undefined && status.host !== hostNameOf(declared, place);
    return machine.place === place && elsewhere && (status.placementEpoch ?? 0) > machine.placementEpoch;
  });
}

function wrongBeginning({ do: did, uid, place }: Change, scene: Scene): string | undefined {
  const [stale] = staleOn(scene, place);
  if (stale === undefined) return undefined;
  const host = hostNameOf(scene.declared, place) ?? place;
  return `${did} of ${uid} on ${host}, where an old copy of ${stale.uid} still is`;
}

function wrongDisk({ uid }: Change, { declared }: Scene): string | undefined {
  const volume = declared.volumes.get(uid);
  if (volume === undefined) return undefined;
  if (volume.metadata.deletionTimestamp === undefined) return `the disk ${uid} was deleted, and its Volume was not`;
  return volume.spec.deletionPolicy === 'Retain' ? `the disk ${uid} was deleted, and was to be retained` : undefined;
}

function wrong(change: Change, scene: Scene): string | undefined {
  if (change.what === 'host') {
    return scene.answers(change.uid) ? `Host ${hostNameOf(scene.declared, change.uid) ?? ''} was switched off, and it answers` : undefined;
  }
  if (change.what === 'disk') return change.do === 'delete' ? wrongDisk(change, scene) : undefined;
  if (change.do === 'stop') return wrongStop(change, scene);
  return change.do === 'delete' ? undefined : wrongBeginning(change, scene);
}

/** Disks that a machine runs with, and that its host cannot reach any more. */
function cutOff({ after: { machines, disks, hosts } }: Scene): readonly string[] {
  return [...machines.values()].flatMap(({ place, uid, holds }) => {
    const id = hosts.get(place)?.id ?? '';
    return holds.filter((disk) => disks.get(disk)?.includes(id) !== true).map((disk) => `${uid} runs without its disk ${disk}`);
  });
}

/** Disks that were taken from a running machine, though they are declared. */
function takenAway({ declared, before, after, generation }: Scene): readonly string[] {
  return [...before.machines].flatMap(([key, { uid, holds }]) => {
    const now = after.machines.get(key);
    const vm = declared.vms.get(uid);
    if (now?.running !== true || vm === undefined || vm.latest.metadata.deletionTimestamp !== undefined) return [];
    const specs = [vm.latest.spec, vm.specs.get(generation) ?? vm.latest.spec];
    const wants = (disk: string): boolean => {
      const volume = declared.volumes.get(disk)?.metadata;
      return volume?.deletionTimestamp === undefined && specs.every(({ disks }) => disks.some((one) => one.volume === volume?.name));
    };
    return holds
      .filter((disk) => !now.holds.includes(disk) && wants(disk))
      .map((disk) => `${uid} lost its disk ${disk}, which it declares`);
  });
}

function doubled({ after }: Scene): readonly string[] {
  const running = [...after.machines.values()].filter((machine) => machine.running).map(({ uid }) => uid);
  return [...new Set(running.filter((uid, at) => running.indexOf(uid) !== at))].map((uid) => `${uid} runs twice`);
}

/** What is wrong with what a call did, a sentence each. */
export function wrongsOf(changes: readonly Change[], scene: Scene): readonly string[] {
  return [...changes.flatMap((change) => wrong(change, scene) ?? []), ...cutOff(scene), ...takenAway(scene), ...doubled(scene)];
}
