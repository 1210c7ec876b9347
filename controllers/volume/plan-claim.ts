import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import type { Claim, VolumeFacts, VolumeStep } from './plan-facts.ts';

/**
 * Who may attach the disk from now on. A claim ends only on an observed detach or on the proof that its host is dead, and a new one is
 * granted only when the disk is published nowhere else: so two machines never hold it.
 */
export function claimAfter({ status }: Volume, facts: VolumeFacts, disk: Disk): Claim | null {
  const { claim } = status;
  if (claim !== undefined) return facts.claimHolds || facts.holder?.state !== 'free' ? claim : null;
  const [first] = facts.wanting;
  if (first === undefined || facts.clonedBy !== undefined || disk.released) return null;
  const { hostId, ...granted } = first;
  return disk.publishedTo.every((host) => host === hostId) ? granted : null;
}

/** Takes the disk away from hosts that no claim is about; none while it is not known which host the claim is about. */
export function unpublishStale({ claimHostId, wanting }: VolumeFacts, disk: Disk, claim: Claim | null): readonly VolumeStep[] {
  const granted = wanting.find(({ uid }) => uid === claim?.uid)?.hostId;
  const keep = claim === null ? undefined : (claimHostId ?? granted);
  if (claim !== null && keep === undefined) return [];
  return disk.publishedTo.filter((hostId) => hostId !== keep).map((hostId) => ({ do: 'unpublish', hostId }));
}
