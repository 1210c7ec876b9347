import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { StoragePoolFacts } from './plan-facts.ts';

/** What is done about an orphan that a person has given up; `generation` is the last decision about its object. */
export type CollectStep =
  | { readonly do: 'unpublish-orphan'; readonly uid: string; readonly hostId: string; readonly generation: number }
  | { readonly do: 'delete-orphan'; readonly uid: string; readonly generation: number };

/** Steps for the orphans that spec.collect names: disks of this installation whose object was read, and is gone. Nothing else is touched. */
export function collectSteps(
  { spec }: StoragePool,
  { device, allocation, installation, orphans }: StoragePoolFacts,
): readonly CollectStep[] {
  if (device?.known !== true || allocation === 'Disabled') return [];
  const named = device.value.disks.filter(({ id }) => spec.collect.includes(id));
  const given = named.filter(
    ({ owner, released }) => owner?.installation === installation && owner.kind === 'Volume' && !released && orphans.has(owner.uid),
  );
  return given.flatMap(({ id: uid, publishedTo, generation }): readonly CollectStep[] => [
    ...publishedTo.map((hostId) => ({ do: 'unpublish-orphan', uid, hostId, generation }) as const),
    { do: 'delete-orphan', uid, generation },
  ]);
}
