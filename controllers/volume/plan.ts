import { bytesOf, quantityOf } from '../../apis/meta/quantity.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import { planAdoption } from './plan-adoption.ts';
import { claimAfter, unpublishStale } from './plan-claim.ts';
import { planDeletion } from './plan-deletion.ts';
import type { VolumeFacts, VolumePlan } from './plan-facts.ts';
import { planFill } from './plan-fill.ts';
import { choosePool, hasRoom, isUntouched } from './plan-pool.ts';
import { say } from './plan-say.ts';
import type { Conclusion } from './plan-say.ts';

/** Drivers round sizes up to their blocks: that is no larger disk. */
const ROUNDING_BYTES = 2 ** 20;
const UNREACHABLE_LOOK_MS = 5000;
const LETTING_GO_LOOK_MS = 2000;

/** What to say while nobody knows whether the disk is there. */
function planIgnorance({ status }: Volume, { pool, disk }: VolumeFacts): Conclusion {
  const name = status.pool ?? '';
  if (pool === undefined) return { status: 'Unknown', reason: 'StoragePoolNotFound', message: `there is no StoragePool ${name}` };
  if (disk?.known === false && disk.code !== 'INVALID_ARGUMENT') {
    const message = `StoragePool ${name} does not answer: ${disk.because}`;
    return { status: 'Unknown', reason: 'DriverUnreachable', message, lookAgainMs: UNREACHABLE_LOOK_MS };
  }
  return { status: 'False', reason: 'PoolNotReady', message: `StoragePool ${name} is not ready: ${pool.reason}` };
}

function planCreation(volume: Volume, facts: VolumeFacts): Conclusion {
  const { spec, status } = volume;
  const { pool } = facts;
  if (pool === undefined) return planIgnorance(volume, facts);
  if (status.volumeId !== undefined) {
    const message = `disk ${status.volumeId} is no longer in StoragePool ${pool.name}: nothing is made in its place`;
    return { status: 'False', reason: 'Missing', message, also: 'stalled' };
  }
  if (spec.adopt !== undefined) return planAdoption(volume, facts, spec.adopt);
  const sizeBytes = bytesOf(spec.size);
  const started = status.operation !== undefined;
  if (!started && pool.allocation !== 'Enabled') {
    return { status: 'False', reason: 'PoolDisabled', message: `StoragePool ${pool.name} takes no new disks: ${pool.allocation}` };
  }
  if (!started && !hasRoom(pool, sizeBytes)) {
    const full: Conclusion = { status: 'False', reason: 'PoolFull', message: `StoragePool ${pool.name} has no room for ${spec.size}` };
    // An untouched claim is withdrawn, so that it counts against nobody else; behind another, a create may still be under way.
    return isUntouched(volume) ? { ...full, pool: null } : full;
  }
  if (spec.source !== undefined) return planFill(volume, facts, spec.source);
  return { status: 'False', reason: 'Creating', message: 'making the disk', also: 'moving', steps: [{ do: 'create', sizeBytes }] };
}

function planGrowth({ spec, status }: Volume, { pool, holder }: VolumeFacts, seenBytes: number): Conclusion {
  const sizeBytes = bytesOf(spec.size);
  const wish = `from ${quantityOf(seenBytes)} to ${spec.size}`;
  if (pool === undefined || !hasRoom({ ...pool, full: false }, sizeBytes)) {
    const message = `StoragePool ${status.pool ?? ''} has no room to grow it ${wish}`;
    return { status: 'False', reason: 'PoolFull', message, resizing: { reason: 'ExpandWaits', message } };
  }
  const vm = `VirtualMachine ${status.claim?.virtualMachine ?? ''}`;
  const growing = (message: string): Conclusion => {
    return { status: 'False', reason: 'Expanding', message, also: 'moving', resizing: { reason: 'Expanding', message } };
  };
  const waiting = (message: string): Conclusion => {
    return { status: 'False', reason: 'ExpandWaits', message, resizing: { reason: 'ExpandWaits', message } };
  };
  // Whoever is given it meanwhile is given it as it is then.
  const stands = holder?.state === 'free' || holder?.state === 'without' || (holder?.state === 'holds' && holder.power === 'stopped');
  if (status.claim === undefined || stands) {
    return { ...growing(`growing it ${wish}`), steps: [{ do: 'expand', sizeBytes }] };
  }
  if (holder?.state !== 'holds') return waiting(`nobody can tell whether ${vm} has it: it is not grown ${wish}`);
  if (holder.canGrow) return growing(`${vm} grows it ${wish}`);
  return waiting(`the driver of ${vm} cannot grow it ${wish} until it is stopped`);
}

function planDisk(volume: Volume, facts: VolumeFacts, disk: Disk): Conclusion {
  const { spec } = volume;
  const sizeBytes = bytesOf(spec.size);
  const claim = claimAfter(volume, facts, disk);
  const unpublish = unpublishStale(facts, disk, claim);
  if (disk.released) {
    return { status: 'False', reason: 'Missing', message: `disk ${disk.id} was handed back to the world`, also: 'stalled', claim };
  }
  const base = ((): Conclusion => {
    if (disk.sizeBytes < sizeBytes) return planGrowth(volume, facts, disk.sizeBytes);
    if (disk.sizeBytes - sizeBytes >= ROUNDING_BYTES) {
      const message = `the disk already has ${quantityOf(disk.sizeBytes)}, and shrinking loses data: declare at least that`;
      return { status: 'False', reason: 'CannotShrink', message, also: 'stalled' };
    }
    return { status: 'True', reason: 'AsDeclared', message: `${quantityOf(disk.sizeBytes)} in StoragePool ${volume.status.pool ?? ''}` };
  })();
  // Whoever holds it, or may, tells nobody when that ends.
  const waits = claim !== null && !facts.claimHolds ? { lookAgainMs: LETTING_GO_LOOK_MS } : {};
  return { ...base, ...waits, claim, steps: [...unpublish, ...(base.steps ?? [])] };
}

function conclude(volume: Volume, facts: VolumeFacts): Conclusion {
  if (volume.metadata.deletionTimestamp !== undefined) return planDeletion(volume, facts, planIgnorance(volume, facts));
  if (volume.status.pool === undefined) return choosePool(volume, facts);
  if (facts.pool === undefined && isUntouched(volume)) return { ...planIgnorance(volume, facts), status: 'False', pool: null };
  if (facts.disk?.known !== true) return planIgnorance(volume, facts);
  return facts.disk.value === undefined ? planCreation(volume, facts) : planDisk(volume, facts, facts.disk.value);
}

/** Takes the steps away where no call may change anything, or where the driver has said for good that it cannot. */
function permitted(volume: Volume, { pool, refused }: VolumeFacts, conclusion: Conclusion): Conclusion {
  const { steps = [] } = conclusion;
  if (steps.length === 0) return conclusion;
  if (pool?.led === false) {
    const message = `the zone of StoragePool ${pool.name} does not exist: nobody leads it`;
    return { ...conclusion, status: 'False', reason: 'PoolNotReady', message, steps: [], finalizer: 'hold' };
  }
  if (pool?.allocation === 'Disabled') {
    const message = `StoragePool ${pool.name} is Disabled: no call may change anything there`;
    return { ...conclusion, status: 'False', reason: 'PoolDisabled', message, steps: [], finalizer: 'hold' };
  }
  const at = volume.metadata.deletionTimestamp === undefined ? steps.findIndex((step) => step.do === refused?.step) : -1;
  if (refused === undefined || at < 0) return conclusion;
  // What comes before it is none of its business, and is still done; what comes after may build on it.
  return { ...conclusion, status: 'False', reason: 'Refused', message: refused.message, also: 'stalled', steps: steps.slice(0, at) };
}

/** Decides what one volume needs next. Pure: the same volume and facts give the same plan. */
export function planVolume(volume: Volume, facts: VolumeFacts): VolumePlan {
  return say(volume, facts, permitted(volume, facts, conclude(volume, facts)));
}
