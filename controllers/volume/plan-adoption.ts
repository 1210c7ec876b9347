import { bytesOf, quantityOf } from '../../apis/meta/quantity.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { VolumeFacts } from './plan-facts.ts';
import type { Conclusion } from './plan-say.ts';

/** Takes in the disk that spec.adopt names, where nobody manages it; from then on it is the volume's like any other. */
export function planAdoption({ spec, status }: Volume, { capabilities, adoptable }: VolumeFacts, id: string): Conclusion {
  const pool = `StoragePool ${status.pool ?? ''}`;
  const refuse = (reason: Conclusion['reason'], message: string): Conclusion => ({ status: 'False', reason, message, also: 'stalled' });
  if (!capabilities.includes('disk.adopt')) return refuse('NotSupported', `the driver of ${pool} cannot take in disks`);
  if (adoptable?.state === 'managed') return refuse('NotAdoptable', `disk ${id} of ${pool} is managed by Volume ${adoptable.by}`);
  if (adoptable?.state === 'elsewhere')
    return refuse('NotAdoptable', `disk ${id} of ${pool} was made in Namespace ${adoptable.namespace}: it is taken in there`);
  if (adoptable?.state !== 'there') return refuse('NotAdoptable', `${pool} has no disk ${id}`);
  if (adoptable.sizeBytes > bytesOf(spec.size)) {
    return refuse('CannotShrink', `disk ${id} has ${quantityOf(adoptable.sizeBytes)}, and shrinking loses data: declare at least that`);
  }
  const message = `taking in disk ${id} of ${pool}`;
  return { status: 'False', reason: 'Adopting', message, also: 'moving', steps: [{ do: 'adopt', id, from: adoptable.from }] };
}
