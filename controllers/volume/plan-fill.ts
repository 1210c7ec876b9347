import { bytesOf } from '../../apis/meta/quantity.ts';
import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { VolumeFacts, VolumeStep } from './plan-facts.ts';
import type { Conclusion } from './plan-say.ts';

const PROGRESS_LOOK_MS = 2000;

/** Fills a new disk from its source: the operation's id is published before it is started, and the driver knows it again by that. */
export function planFill({ metadata, spec, status }: Volume, facts: VolumeFacts, from: NonNullable<Volume['spec']['source']>): Conclusion {
  const { capabilities, operation, source } = facts;
  const sizeBytes = bytesOf(spec.size);
  const operationId = status.operation ?? `fill-${metadata.uid}`;
  const what = from.image === undefined ? `Volume ${from.volume ?? ''}` : `image ${from.image}`;
  if (operation?.state === 'failed' || operation?.state === 'cancelled') {
    const message = `copying ${what} ${operation.state}${operation.error === undefined ? '' : `: ${operation.error}`}`;
    return { status: 'False', reason: 'FillFailed', message: `${message}; make another volume`, also: 'stalled', operation: operationId };
  }
  const creating = (message: string): Conclusion => {
    return { status: 'False', reason: 'Creating', message, also: 'moving', operation: operationId };
  };
  if (operation !== undefined) {
    const progressPercent = Math.floor(operation.percent / 10) * 10;
    return { ...creating(`copying ${what}`), progressPercent, lookAgainMs: PROGRESS_LOOK_MS };
  }
  // Nothing runs, and nothing will before a person changes something: the source is not kept from others meanwhile.
  if (facts.refused !== undefined)
    return { status: 'False', reason: 'Refused', message: facts.refused.message, also: 'stalled', operation: null };
  const capability = from.image === undefined ? 'disk.clone' : 'disk.import';
  if (!capabilities.includes(capability)) {
    const message = `the driver of StoragePool ${status.pool ?? ''} cannot copy ${what}`;
    return { status: 'False', reason: 'NotSupported', message, also: 'stalled' };
  }
  if (from.image !== undefined) {
    const step: VolumeStep = { do: 'import', sizeBytes, image: from.image, operationId };
    return { ...creating(`copying ${what}`), steps: [step] };
  }
  if (source?.state !== 'ready') {
    const reason = source?.state === 'busy' ? 'SourceInUse' : 'SourceNotFound';
    return { status: 'False', reason, message: source?.because ?? `there is no ${what}`, operation: null };
  }
  // Two rounds: the source sees that it is being copied before the copy begins.
  if (status.operation === undefined) return creating(`about to copy ${what}`);
  return { ...creating(`copying ${what}`), steps: [{ do: 'clone', sizeBytes, sourceUid: source.uid, operationId }] };
}
