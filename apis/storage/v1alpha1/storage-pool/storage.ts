import { bytesOf } from '../../../meta/quantity.ts';
import type { StoragePool } from './schema.ts';

/** Bytes of pools: that there are, that may be promised, and that are. */
export interface Storage {
  readonly capacityBytes: number;
  readonly allocatableBytes: number;
  readonly provisionedBytes: number;
}

/** What of a pool its host's pod and zone sum up: whoever changes none of this and declares nothing anew changes no sum. */
export function storedIn({ status }: StoragePool): unknown {
  return [status.capacity, status.provisioned];
}

/** What pools come to. */
export function storageOf(pools: readonly StoragePool[]): Storage {
  const sum = (bytes: (pool: StoragePool) => number): number => pools.reduce((total, pool) => total + bytes(pool), 0);
  const capacity = ({ status }: StoragePool): number => bytesOf(status.capacity ?? 0);
  return {
    capacityBytes: sum(capacity),
    allocatableBytes: sum((pool) => Math.floor((capacity(pool) * pool.spec.overcommitPercent) / 100)),
    provisionedBytes: sum(({ status }) => bytesOf(status.provisioned ?? 0)),
  };
}
