import type { Allocation } from '../../apis/meta/fields.ts';
import type { PoolObservation } from '../../drivers/contract/driver.ts';
import type { Answer } from '../runtime/device.ts';

/** What is known about a pool in one round. */
export interface StoragePoolFacts {
  /** Whether the zone, pod or host of its scope exists. */
  readonly scopeExists: boolean;
  /** The strictest of the pool and what it is in. */
  readonly allocation: Allocation;
  /** Undefined: nobody asked. */
  readonly device?: Answer<PoolObservation>;
  /** Bytes promised to volumes. */
  readonly provisionedBytes: number;
  /** Volumes that are in the pool or name it, as `namespace/name`. */
  readonly users: readonly string[];
  /** Uids of all Volumes that there are. */
  readonly volumes: ReadonlySet<string>;
  /** Uids among those of spec.collect whose Volume was looked for in the API just now, and is not there. */
  readonly orphans: ReadonlySet<string>;
  /** The uid that tags of this installation carry. */
  readonly installation: string;
}
