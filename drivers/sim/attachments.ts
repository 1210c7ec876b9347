import { DriverError } from '../contract/driver-error.ts';
import type { MachineDisk } from '../contract/machine.ts';
import { fieldInvalid } from '../contract/names.ts';
import { diskDoc, hostDocs, machineDocs } from './documents.ts';
import type { DiskDoc, HostDoc } from './documents.ts';
import { settled } from './machine-state.ts';
import type { Sim } from './sim.ts';
import type { World } from './world.ts';

/** The protocol by which simulated hosts reach simulated disks. */
export const PROTOCOL = 'sim';

function diskAt(world: World, { uid, connection }: MachineDisk): DiskDoc {
  const found = diskDoc(world, connection.attributes.pool ?? '', uid);
  if (found === undefined) throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', `there is no disk ${uid}`, { metadata: { uid } });
  return found;
}

/** Refuses disks that this driver cannot open, or that are not there. */
export function checkDisks(world: World, disks: readonly MachineDisk[]): void {
  disks.forEach((disk, index) => {
    if (disk.connection.protocol !== PROTOCOL) throw fieldInvalid(`spec.disks[${index}].connection.protocol`, `must be ${PROTOCOL}`);
    diskAt(world, disk);
  });
}

/** Ids of the machines, on the hosts with these ids, that hold the disk now. */
export function holdersOf(
  sim: Sim,
  diskUid: string,
  hostIds: readonly string[],
): readonly { readonly machine: string; readonly writes: boolean }[] {
  const hosts = hostDocs(sim.world).filter(({ hostId }) => hostIds.includes(hostId));
  const running = hosts.flatMap((host) => machineDocs(sim.world, host.uid).map((machine) => settled(machine, host, sim.clock.now())));
  return running.flatMap(({ id, active }) => {
    const held = active?.disks.find(({ uid }) => uid === diskUid);
    return held === undefined ? [] : [{ machine: id, writes: !held.readOnly }];
  });
}

/** Refuses a disk that is not published to the host, or that another machine holds in a way that does not go with this one. */
export function checkAttachable(sim: Sim, host: HostDoc, machine: string, disk: MachineDisk): void {
  const { publishedTo } = diskAt(sim.world, disk);
  if (!publishedTo.includes(host.hostId)) {
    throw new DriverError('NOT_FOUND', 'DISK_NOT_FOUND', `the disk ${disk.uid} is not published to this host`, {
      metadata: { uid: disk.uid },
    });
  }
  const other = holdersOf(sim, disk.uid, publishedTo).find((holder) => holder.machine !== machine && (holder.writes || !disk.readOnly));
  if (other === undefined) return;
  throw new DriverError('FAILED_PRECONDITION', 'IN_USE', `the disk ${disk.uid} is held by the machine ${other.machine}`, {
    metadata: { machine: other.machine },
  });
}
