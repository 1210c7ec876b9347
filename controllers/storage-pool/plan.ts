import { fullnessOf } from '../../apis/meta/fullness.ts';
import type { Fullness } from '../../apis/meta/fullness.ts';
import { bytesOf, quantityOf } from '../../apis/meta/quantity.ts';
import { clip, nameList } from '../../apis/meta/sentence.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Plan, Planned, Verdict } from '../runtime/plan.ts';
import { collectSteps } from './plan-collect.ts';
import type { CollectStep } from './plan-collect.ts';
import type { StoragePoolFacts } from './plan-facts.ts';

type StoragePoolReason = StoragePool['status']['conditions'][number]['reason'];
type StoragePoolStatus = Planned<StoragePool['status']>;
type Unmanaged = NonNullable<StoragePoolStatus['unmanaged']>[number];

/** forget: closes the session of a pool that leaves. */
export type StoragePoolStep = { readonly do: 'forget' } | CollectStep;

const UNREACHABLE_LOOK_MS = 5000;
const USED_LOOK_MS = 60_000;
const MOST_UNMANAGED = 100;

function unmanagedOf(disks: readonly Disk[], { installation, volumes }: StoragePoolFacts): readonly Unmanaged[] {
  const found = disks.flatMap(({ id, name, owner, released }): Unmanaged[] => {
    const managed = owner?.installation === installation && !released && volumes.has(owner.uid);
    if (managed) return [];
    const why = owner?.installation !== installation ? 'foreign' : released ? 'released' : 'orphan';
    return [{ kind: 'Disk', id: clip(id, 253), name: clip(name, 253), why }];
  });
  return found.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, MOST_UNMANAGED);
}

/** The capacity to show: as before, while it moves by less than 1 %, because what others write on a shared device moves it all the time. */
function steadyCapacity(before: StoragePool['status'], capacityBytes: number): number {
  const shown = bytesOf(before.capacity ?? 0);
  return Math.abs(capacityBytes - shown) * 100 < shown ? shown : capacityBytes;
}

function observedFields({ status }: StoragePool, facts: StoragePoolFacts): Omit<StoragePoolStatus, 'conditions' | 'observedGeneration'> {
  const { device, provisionedBytes } = facts;
  const provisioned = quantityOf(provisionedBytes);
  if (device?.known !== true) {
    const { conditions: _conditions, observedGeneration: _observedGeneration, ...last } = status;
    return { ...last, provisioned };
  }
  const { poolId, capacityBytes, usedBytes, disks, protocols } = device.value;
  const capacity = steadyCapacity(status, capacityBytes);
  const percent = Math.max(Math.floor(capacity / 100), 1);
  const unmanaged = unmanagedOf(disks, facts);
  return {
    poolId: clip(poolId, 128),
    capacity: quantityOf(capacity),
    used: quantityOf(Math.ceil(usedBytes / percent) * percent),
    provisioned,
    protocols: [...protocols].sort(),
    ...(unmanaged.length > 0 && { unmanaged: [...unmanaged] }),
  };
}

function verdictOf(pool: StoragePool, facts: StoragePoolFacts): Verdict<StoragePoolReason> {
  const { spec } = pool;
  const { scopeExists, device } = facts;
  if (!scopeExists) {
    const [kind = '', name = ''] = Object.entries(spec.scope)[0] ?? [];
    return { status: 'False', reason: 'ScopeNotFound', message: `there is no ${kind} ${name}` };
  }
  if (device === undefined) return { status: 'Unknown', reason: 'Pending', message: 'nobody has asked its driver yet' };
  if (device.known) {
    const now = fullnessNow(pool, facts) ?? 'HasRoom';
    if (now === 'HasRoom') return { status: 'True', reason: 'AsDeclared', message: 'takes disks' };
    return { status: 'True', reason: now, message: `takes no new disks: ${saidOf(pool, now)}` };
  }
  const { reason, because, field } = device;
  if (reason === 'DRIVER_UNKNOWN') {
    return { status: 'False', reason: 'DriverUnknown', message: `there is no driver ${spec.driver.name} here`, also: 'stalled' };
  }
  if (reason === 'CONFIG_INVALID') {
    const where = field === undefined ? 'spec.driver.config' : `spec.driver.config.${field}`;
    return { status: 'False', reason: 'ConfigInvalid', message: `${where}: ${because}`, also: 'stalled' };
  }
  return { status: 'Unknown', reason: 'DriverUnreachable', message: `the driver ${spec.driver.name} does not answer: ${because}` };
}

/** How full the pool is; undefined: nobody can tell. */
function fullnessNow({ spec, status }: StoragePool, { device }: StoragePoolFacts): Fullness | undefined {
  if (device?.known !== true) return undefined;
  const { usedBytes, capacityBytes } = device.value;
  const before = status.conditions.some(({ type, status: is }) => type === 'Full' && is === 'True');
  return fullnessOf({ used: usedBytes, of: capacityBytes, threshold: spec.thresholdPercent }, before);
}

function saidOf({ spec }: StoragePool, now: Exclude<Fullness, 'HasRoom'>): string {
  return now === 'Full' ? 'less than 1 % of its capacity is left' : `about ${spec.thresholdPercent} % or more of its capacity is used`;
}

function fullness(pool: StoragePool, facts: StoragePoolFacts): StoragePoolStatus['conditions'] {
  if (facts.device === undefined) return [];
  const { spec, metadata } = pool;
  const now = fullnessNow(pool, facts);
  const observedGeneration = metadata.generation;
  if (now === undefined) {
    const message = `nobody can tell whether ${spec.thresholdPercent} % or more of its capacity is used`;
    return [{ type: 'Full', status: 'Unknown', reason: 'NotSeen', message, observedGeneration }];
  }
  if (now !== 'HasRoom') return [{ type: 'Full', status: 'True', reason: now, message: saidOf(pool, now), observedGeneration }];
  const message = `less than ${spec.thresholdPercent} % of its capacity is used`;
  return [{ type: 'Full', status: 'False', reason: now, message, observedGeneration }];
}

/** Decides what is said of a pool, and whether it may go. Pure; no step of it touches a disk but an orphan that spec.collect names. */
export function planStoragePool(pool: StoragePool, facts: StoragePoolFacts): Plan<StoragePoolStep, StoragePoolStatus> {
  const { metadata } = pool;
  const { generation } = metadata;
  const deleting = metadata.deletionTimestamp !== undefined;
  const leaves = deleting && facts.users.length === 0;
  const waits = `waits for ${nameList(facts.users.map((name) => `Volume ${name}`))} to go`;
  const verdict: Verdict<StoragePoolReason> = leaves
    ? { status: 'False', reason: 'Deleting', message: 'no volume is left in it', also: 'moving' }
    : deleting
      ? { status: 'False', reason: 'InUse', message: waits, also: 'moving' }
      : verdictOf(pool, facts);
  return {
    status: {
      observedGeneration: generation,
      ...observedFields(pool, facts),
      conditions: [...verdictConditions(generation, verdict), ...fullness(pool, facts)],
    },
    finalizer: leaves ? 'release' : 'hold',
    steps: leaves ? [{ do: 'forget' }] : deleting ? [] : collectSteps(pool, facts),
    ...(facts.device?.known === false && { lookAgainMs: UNREACHABLE_LOOK_MS }),
    // What guests write fills it, and nobody tells of that.
    ...(facts.device?.known === true && facts.users.length > 0 && { lookAgainMs: USED_LOOK_MS }),
    ...(verdict.status !== 'True' && !leaves && { waitsFor: verdict.message }),
  };
}
