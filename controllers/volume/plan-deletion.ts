import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { VolumeFacts, VolumeStep } from './plan-facts.ts';
import { isUntouched } from './plan-pool.ts';
import type { Conclusion } from './plan-say.ts';

/** What keeps a volume that leaves. */
interface Blocker {
  readonly message: string;
  /** Nobody can tell whether it still holds: only spec.abandon goes on. */
  readonly unproven: boolean;
}

function blocker({ status }: Volume, { claimHolds, holder, clonedBy, disk }: VolumeFacts): Blocker | undefined {
  const { claim } = status;
  if (clonedBy !== undefined) {
    return { message: `waits for Volume ${clonedBy}, which is being copied from it`, unproven: disk?.known !== true };
  }
  if (claim === undefined) return undefined;
  if (claimHolds) return { message: `waits for VirtualMachine ${claim.virtualMachine} to let it go`, unproven: false };
  if (holder?.state === 'free') return undefined;
  const message = `waits for proof that VirtualMachine ${claim.virtualMachine} on Host ${claim.host} does not have it`;
  return { message, unproven: holder?.state !== 'holds' };
}

/** Lets the object go although nobody knows what became of the disk; whoever has it, keeps it, and what is left is an orphan of its pool. */
function abandoned({ reason }: NonNullable<Volume['spec']['abandon']>, why: string): Conclusion {
  return { status: 'False', reason: 'Abandoned', message: `${why}: given up (${reason})`, also: 'moving', finalizer: 'release' };
}

/** Deletes the disk or hands it back, once nobody has it. `ignorance` is what to say while nobody knows whether it is there. */
export function planDeletion(volume: Volume, facts: VolumeFacts, ignorance: Conclusion): Conclusion {
  const { spec, status } = volume;
  const { disk, operation, refused } = facts;
  const leaving = (message: string): Conclusion => ({ status: 'False', reason: 'Deleting', message, also: 'moving' });
  const gone: Conclusion = { ...leaving('the disk is gone'), finalizer: 'release', claim: null };
  if (status.pool === undefined) return gone;
  const blocked = blocker(volume, facts);
  if (blocked !== undefined) {
    if (blocked.unproven && spec.abandon !== undefined) return abandoned(spec.abandon, blocked.message);
    return { status: 'False', reason: 'InUse', message: blocked.message, also: 'moving' };
  }
  if (disk?.known !== true) {
    if (isUntouched(volume)) return { ...gone, message: 'no disk was made' };
    return spec.abandon === undefined ? ignorance : abandoned(spec.abandon, ignorance.message);
  }
  if (refused !== undefined && spec.abandon !== undefined) return abandoned(spec.abandon, `the disk is not removed: ${refused.message}`);
  const found = disk.value;
  if (found === undefined) {
    if (operation?.state === 'running') {
      const steps: readonly VolumeStep[] = [{ do: 'cancel', operationId: operation.id }];
      return { ...leaving('stopping the copy'), operation: operation.id, steps };
    }
    // Deleting what is not there leaves the mark that stops a create which is still under way.
    return { ...gone, steps: [{ do: 'delete' }] };
  }
  if (found.released) return { ...gone, message: 'the disk was handed back' };
  const unpublish = found.publishedTo.map((hostId): VolumeStep => ({ do: 'unpublish', hostId }));
  if (spec.deletionPolicy === 'Retain') {
    return { ...leaving('handing the disk back'), claim: null, steps: [...unpublish, { do: 'release' }] };
  }
  return { ...leaving('removing the disk'), claim: null, steps: [...unpublish, { do: 'delete' }] };
}
