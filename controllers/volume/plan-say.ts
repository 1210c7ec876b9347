import { bytesOf, quantityOf } from '../../apis/meta/quantity.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Verdict } from '../runtime/plan.ts';
import type { Claim, VolumeFacts, VolumePlan, VolumeReason, VolumeStatus, VolumeStep } from './plan-facts.ts';

/** What one branch of the planner concludes; what it leaves out stays as it was observed or decided. */
export interface Conclusion extends Verdict<VolumeReason> {
  readonly steps?: readonly VolumeStep[];
  readonly finalizer?: VolumePlan['finalizer'];
  readonly lookAgainMs?: number;
  /** The claim from now on; null: nobody's. */
  readonly claim?: Claim | null;
  /** The pool from now on; null: none. */
  readonly pool?: string | null;
  /** The operation from now on; null: none. Left out, it stays while the disk is not there. */
  readonly operation?: string | null;
  readonly progressPercent?: number;
  readonly resizing?: { readonly reason: VolumeReason; readonly message: string };
}

type VolumeCondition = VolumeStatus['conditions'][number];

function attached({ status }: Volume, claim: Claim | undefined, { holder }: VolumeFacts): Omit<VolumeCondition, 'observedGeneration'> {
  if (claim === undefined) return { type: 'Attached', status: 'False', reason: 'Detached', message: 'nobody has it' };
  const where = `VirtualMachine ${claim.virtualMachine} on Host ${claim.host}`;
  const claimed = { type: 'Attached', status: 'False', reason: 'Claimed', message: `by ${where}` } as const;
  switch (holder?.state) {
    case 'holds':
      // Of what takes a moment the end is told, and not each part.
      if (holder.begun === true && status.conditions.some(({ type, reason }) => type === 'Attached' && reason === 'Claimed'))
        return claimed;
      return { type: 'Attached', status: 'True', reason: 'Attached', message: `to ${where}` };
    case 'unknown':
      return { type: 'Attached', status: 'Unknown', reason: 'DriverUnreachable', message: `${where}: ${holder.because}` };
    default:
      return claimed;
  }
}

function observedFields({ spec, status }: Volume, { disk }: VolumeFacts): Pick<VolumeStatus, 'volumeId' | 'size' | 'actualSize'> {
  if (disk?.known !== true || disk.value === undefined) {
    const { volumeId, size, actualSize } = status;
    return {
      ...(volumeId !== undefined && { volumeId }),
      ...(size !== undefined && { size }),
      ...(actualSize !== undefined && { actualSize }),
    };
  }
  const { id, sizeBytes, actualSizeBytes } = disk.value;
  // What a guest writes moves it all the time: a hundredth of the size is fine enough to read.
  const percent = Math.max(Math.ceil(bytesOf(spec.size) / 100), 1);
  return { volumeId: id, size: quantityOf(sizeBytes), actualSize: quantityOf(Math.ceil(actualSizeBytes / percent) * percent) };
}

/** The plan that says a conclusion. */
export function say(volume: Volume, facts: VolumeFacts, conclusion: Conclusion): VolumePlan {
  const { metadata, status } = volume;
  const { steps = [], finalizer = 'hold', lookAgainMs, progressPercent, resizing, message } = conclusion;
  const claim = conclusion.claim === null ? undefined : (conclusion.claim ?? status.claim);
  const pool = conclusion.pool === null ? undefined : (conclusion.pool ?? status.pool);
  const filled = facts.disk?.known === true && facts.disk.value !== undefined;
  const operation = conclusion.operation ?? (filled || conclusion.operation === null ? undefined : status.operation);
  const observedGeneration = metadata.generation;
  return {
    status: {
      observedGeneration,
      ...(pool !== undefined && { pool }),
      ...observedFields(volume, facts),
      ...(operation !== undefined && { operation }),
      ...(progressPercent !== undefined && { progressPercent }),
      ...(claim !== undefined && { claim }),
      conditions: [
        ...verdictConditions(metadata.generation, conclusion),
        { ...attached(volume, claim, facts), observedGeneration },
        ...(resizing === undefined ? [] : [{ type: 'Resizing' as const, status: 'True' as const, ...resizing, observedGeneration }]),
      ],
    },
    finalizer,
    steps,
    ...(lookAgainMs !== undefined && { lookAgainMs }),
    ...(conclusion.status !== 'True' && steps.length === 0 && finalizer === 'hold' && { waitsFor: message }),
  };
}
