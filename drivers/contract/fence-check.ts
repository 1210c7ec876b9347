import { DriverError } from './driver-error.ts';
import type { Fence } from './fence.ts';

/** The highest that was seen from one installation's shard. */
export interface SeenShard {
  readonly incarnation: number;
  readonly epoch: number;
}

/** The highest that was seen for one uid. */
export interface SeenObject {
  readonly incarnation: number;
  readonly generation: number;
  readonly placementEpoch: number;
}

/** Nothing was seen yet: what any fence passes. */
export const UNSEEN_SHARD: SeenShard = { incarnation: 0, epoch: 0 };
export const UNSEEN_OBJECT: SeenObject = { incarnation: 0, generation: 0, placementEpoch: 0 };

function stale(field: string, fence: Fence, newer: Partial<Fence>): DriverError {
  const metadata: Record<string, string> = { field, installation: fence.installation, shard: fence.shard };
  for (const [key, value] of Object.entries(newer)) metadata[key] = String(value);
  return new DriverError('FAILED_PRECONDITION', 'STALE_EPOCH', `the call is older than what was seen: ${field} is lower`, { metadata });
}

/** Throws FAILED_PRECONDITION/STALE_EPOCH with the newer values for a leader that is not the latest of its shard; else what to keep. */
export function passShard(fence: Fence, seen: SeenShard = UNSEEN_SHARD): SeenShard {
  if (fence.incarnation < seen.incarnation) throw stale('incarnation', fence, seen);
  if (fence.incarnation === seen.incarnation && fence.epoch < seen.epoch) throw stale('epoch', fence, seen);
  return { incarnation: fence.incarnation, epoch: fence.epoch };
}

/**
 * Throws FAILED_PRECONDITION/STALE_EPOCH with the newer values for a decision that is not the latest about its object; else what to keep.
 * A higher incarnation starts the object's counts anew, so that a restored store is not locked out.
 */
export function passObject(fence: Fence, seen: SeenObject = UNSEEN_OBJECT): SeenObject {
  if (fence.incarnation < seen.incarnation) throw stale('incarnation', fence, { ...seen });
  if (fence.incarnation === seen.incarnation) {
    if (fence.generation < seen.generation) throw stale('generation', fence, { ...seen });
    if (fence.placementEpoch < seen.placementEpoch) throw stale('placementEpoch', fence, { ...seen });
  }
  return { incarnation: fence.incarnation, generation: fence.generation, placementEpoch: fence.placementEpoch };
}

/** Throws FAILED_PRECONDITION/TOMBSTONED where a deleted uid must not come back: a disk never, a machine only at a higher placement epoch. */
export function passTombstone(thing: 'machine' | 'disk', fence: Fence, tombstone: SeenObject | undefined): void {
  if (tombstone === undefined) return;
  const { incarnation, placementEpoch } = tombstone;
  const higher = fence.incarnation > incarnation || (fence.incarnation === incarnation && fence.placementEpoch > placementEpoch);
  if (thing === 'machine' && higher) return;
  throw new DriverError('FAILED_PRECONDITION', 'TOMBSTONED', `a ${thing} of this uid was deleted`, {
    metadata: { incarnation: String(incarnation), generation: String(tombstone.generation), placementEpoch: String(placementEpoch) },
  });
}
