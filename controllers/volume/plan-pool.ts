import { bytesOf } from '../../apis/meta/quantity.ts';
import { nameList } from '../../apis/meta/sentence.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { PoolFact, VolumeFacts } from './plan-facts.ts';
import type { Conclusion } from './plan-say.ts';

/** Whether a volume has surely sent nothing to the pool that it claims: what it says is published before its first call. */
export function isUntouched({ status: { volumeId, operation, conditions } }: Volume): boolean {
  const pending = conditions.some(({ type, reason }) => type === 'Ready' && reason === 'Pending');
  return pending && volumeId === undefined && operation === undefined;
}

/** Whether a pool may promise `sizeBytes` more. */
export function hasRoom({ full, limitBytes, promisedBytes }: PoolFact, sizeBytes: number): boolean {
  return !full && promisedBytes + sizeBytes <= limitBytes;
}

/** Why a pool cannot take a new disk; undefined: it can. */
function whyNot(pool: PoolFact, sizeBytes: number): Conclusion | undefined {
  const { name, allocation, deleting, ready, reason } = pool;
  const refuse = (why: Conclusion['reason'], message: string): Conclusion => ({ status: 'False', reason: why, message });
  if (deleting) return refuse('PoolDisabled', `StoragePool ${name} is being deleted`);
  if (allocation !== 'Enabled') return refuse('PoolDisabled', `StoragePool ${name} takes no new disks: ${allocation}`);
  if (!ready) return refuse('PoolNotReady', `StoragePool ${name} is not ready: ${reason}`);
  return hasRoom(pool, sizeBytes) ? undefined : refuse('PoolFull', `StoragePool ${name} has no room`);
}

/** Chooses the pool for good, as a claim that is published before it is used; of several the one with the most room. */
export function choosePool({ spec }: Volume, { offers }: VolumeFacts): Conclusion {
  const sizeBytes = bytesOf(spec.size);
  if (offers.length === 0) {
    if (spec.storagePool !== undefined) {
      return { status: 'False', reason: 'StoragePoolNotFound', message: `there is no StoragePool ${spec.storagePool}` };
    }
    return { status: 'False', reason: 'NoPoolMatches', message: 'no StoragePool of zone or pod scope has the labels of poolSelector' };
  }
  const problems = offers.flatMap((pool) => whyNot(pool, sizeBytes) ?? []);
  const fitting = offers.filter((pool) => whyNot(pool, sizeBytes) === undefined);
  const room = ({ limitBytes, promisedBytes }: PoolFact): number => limitBytes - promisedBytes;
  const [best] = fitting.sort((one, other) => room(other) - room(one) || (one.name < other.name ? -1 : 1));
  if (best !== undefined) {
    const message = `in StoragePool ${best.name}`;
    return { status: 'False', reason: 'Pending', message: `it goes ${message}`, also: 'moving', pool: best.name };
  }
  const [first] = problems;
  if (problems.length === 1 && first !== undefined) return first;
  const causes = nameList(problems.map(({ message }) => message));
  return { status: 'False', reason: 'NoPoolMatches', message: `no StoragePool fits: ${causes}` };
}
