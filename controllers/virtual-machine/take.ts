import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { EndpointObject } from '../runtime/device.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { MachineDisk } from '../../drivers/contract/machine.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Round } from '../runtime/controller.ts';
import { changing, openEndpoint, ownerOf, serviceOf } from '../runtime/device.ts';
import type { DescribedDisk, VmStep } from './plan/facts.ts';
import type { World } from './world.ts';

interface Work {
  readonly world: World;
  readonly sessions: Sessions;
  readonly vm: VirtualMachine;
  readonly round: Round;
  readonly cause: string;
}

function present<T extends EndpointObject>(object: T | undefined, what: string): T {
  if (object !== undefined) return object;
  throw new DriverError('UNAVAILABLE', 'BACKEND', `${what} is gone`);
}

/** The facts of the decision that a call serves. */
function decisionOf({ vm, cause }: Work): { metadata: VirtualMachine['metadata']; placementEpoch: number; cause: string } {
  return { metadata: vm.metadata, placementEpoch: vm.status.placementEpoch ?? 0, cause };
}

/** Lets the host reach a disk, and says how. */
async function publish(work: Work, hostId: string, disk: DescribedDisk, signal: AbortSignal): Promise<MachineDisk> {
  const { world, sessions, round } = work;
  const pool = present(world.pools.get({ name: disk.pool }), `StoragePool ${disk.pool}`);
  const session = await openEndpoint(sessions, 'disk', pool, round.authority, signal);
  const disks = serviceOf(session.driver.disk, 'disks');
  const connection = await disks.publish(changing(session, round, decisionOf(work)), { uid: disk.uid, hostId }, signal);
  return { name: disk.name, uid: disk.uid, readOnly: disk.readOnly, connection };
}

/** Performs one step on the host of a VM. */
export async function takeStep(step: VmStep, work: Work, signal: AbortSignal): Promise<unknown> {
  const { world, sessions, vm, round } = work;
  const { uid } = vm.metadata;
  const name = vm.status.host ?? '';
  const host = present(world.hosts.get({ name }), `Host ${name}`);
  const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
  const machines = serviceOf(session.driver.machine, 'machines');
  const context = changing(session, round, decisionOf(work));
  switch (step.do) {
    case 'ensure-machine': {
      const disks = await Promise.all(step.description.disks.map((disk) => publish(work, step.hostId, disk, signal)));
      return machines.ensure(context, { ...step.description, owner: ownerOf(round.authority, vm), disks }, signal);
    }
    case 'start-machine':
      return machines.start(context, uid, signal);
    case 'stop-machine':
      return machines.stop(context, uid, { mode: 'graceful', deadlineMs: step.deadlineMs }, signal);
    case 'adopt-machine':
      return machines.adopt(context, { id: step.id, owner: ownerOf(round.authority, vm), from: step.from }, signal);
    case 'delete-machine':
      return machines.delete(context, uid, signal);
    case 'attach-disk':
      return machines.attachDisk(context, uid, await publish(work, step.hostId, step.disk, signal), signal);
    case 'detach-disk':
      return machines.detachDisk(context, uid, step.uid, signal);
    case 'grow-disk':
      return machines.growDisk(context, uid, { uid: step.uid, sizeBytes: step.sizeBytes }, signal);
  }
}
