import { VolumeFields } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import type { PoolFact, VolumeFacts, VolumeReason } from './plan-facts.ts';

export const GIB = 2 ** 30;
export const NOW = '2026-01-01T00:00:00Z';

export interface Have {
  readonly spec?: object;
  readonly status?: Partial<Volume['status']>;
  readonly deleting?: boolean;
}

/** A volume of 10 GiB in pool-1, for rows of the planner's tables. */
export function volume({ spec = {}, status = {}, deleting = false }: Have = {}): Volume {
  const fields = VolumeFields.parse({ spec: { ...('poolSelector' in spec ? {} : { storagePool: 'pool-1' }), size: '10Gi', ...spec } });
  return {
    apiVersion: 'storage.lenticular.dev/v1alpha1',
    kind: 'Volume',
    metadata: {
      ...{ name: 'data-1', namespace: 'default', uid: 'v-1', resourceVersion: '9', generation: 2, creationTimestamp: NOW },
      ...(deleting && { deletionTimestamp: NOW }),
    },
    spec: fields.spec,
    status: { ...fields.status, ...status },
  };
}

export const pool: PoolFact = {
  ...{ name: 'pool-1', ready: true, reason: 'AsDeclared', full: false, deleting: false, led: true, allocation: 'Enabled' },
  ...{ limitBytes: 100 * GIB, promisedBytes: 0 },
};

/** Its disk, as the driver would tell of it. */
export function disk(more: Partial<Disk> = {}): Disk {
  return { id: 'v-1', name: 'data-1', released: false, sizeBytes: 10 * GIB, actualSizeBytes: GIB, publishedTo: [], generation: 1, ...more };
}

export const known = (value?: Disk): Pick<VolumeFacts, 'disk'> => ({ disk: { known: true, value } });
export const silent: Pick<VolumeFacts, 'disk'> = {
  disk: { known: false, because: 'connection refused', code: 'UNAVAILABLE', reason: 'BACKEND' },
};

/** Facts under which nothing is in the way. */
export function facts(more: Partial<VolumeFacts> = {}): VolumeFacts {
  const rest = { offers: [], capabilities: ['disk.import', 'disk.clone'], wanting: [], claimHolds: false } as const;
  return { ...rest, pool, ...known(), ...more };
}

export const placed = { pool: 'pool-1' } as const;
export const there = { pool: 'pool-1', volumeId: 'v-1', size: '10Gi' } as const;
export const claim = { virtualMachine: 'vm-1', uid: 'm-1', host: 'host-1', placementEpoch: 3 } as const;
export const wanting = [{ ...claim, hostId: 'h-1' }] as const;
export const held = { ...there, claim };
export const holding = { ...known(disk({ publishedTo: ['h-1'] })), claimHolds: true, claimHostId: 'h-1' } as const;

export const said = (reason: VolumeReason): Pick<Volume['status'], 'conditions'> => {
  return { conditions: [{ type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: NOW }] };
};
export const tried = { ...placed, ...said('Creating') };
