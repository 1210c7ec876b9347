import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { VolumeFacts, VolumeStep } from './plan-facts.ts';
import { isUntouched } from './plan-pool.ts';
import type { Conclusion } from './plan-say.ts';

function blocker({ status }: Volume, { claimHolds, holder, clonedBy }: VolumeFacts): string | undefined {
  const { claim } = status;
  if (clonedBy !== undefined) return `waits for Volume ${clonedBy}, which is being copied from it`;
  if (claim === undefined) return undefined;
  if (claimHolds) return `waits for VirtualMachine ${claim.virtualMachine} to let it go`;
  if (holder?.state === 'free') return undefined;
  return `waits for proof that VirtualMachine ${claim.virtualMachine} on Host ${claim.host} does not have it`;
}

/** Deletes the disk or hands it back, once nobody has it. `ignorance` is what to say while nobody knows whether it is there. */
export function planDeletion(volume: Volume, facts: VolumeFacts, ignorance: Conclusion): Conclusion {
  const { spec, status } = volume;
  const { disk, operation } = facts;
  const leaving = (message: string): Conclusion => ({ status: 'False', reason: 'Deleting', message, also: 'moving' });
  const gone: Conclusion = { ...leaving('the disk is gone'), finalizer: 'release', claim: null };
  if (status.pool === undefined) return gone;
  const blocked = blocker(volume, facts);
  if (blocked !== undefined) return { status: 'False', reason: 'InUse', message: blocked, also: 'moving' };
  if (disk?.known !== true) return isUntouched(volume) ? { ...gone, message: 'no disk was made' } : ignorance;
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
