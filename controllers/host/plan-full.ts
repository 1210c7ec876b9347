import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { fullnessOf } from '../../apis/meta/fullness.ts';
import type { Fullness } from '../../apis/meta/fullness.ts';
import type { HostFacts, HostStatus } from './plan-facts.ts';

/** From how many percent in use on nothing new is placed on the host: the little that is left is its own, and of what runs there. */
const STORAGE_PERCENT = 90;
const MEMORY_PERCENT = 95;

/** How full a host is, and of what. */
export interface HostFullness {
  readonly now: Fullness;
  readonly message: string;
}

const wasFull = ({ status }: Host): boolean => status.conditions.some(({ type, status: is }) => type === 'Full' && is === 'True');

function sizeUp(what: string, used: number, of: number, threshold: number, before: boolean): HostFullness {
  const now = fullnessOf({ used, of, threshold }, before);
  return { now, message: now === 'Full' ? `less than 1 % of its ${what} is left` : `about ${threshold} % or more of its ${what} is used` };
}

/** How full the host is, by what its driver sees in use; undefined: that is not seen. */
export function fullnessOfHost(host: Host, { device }: HostFacts): HostFullness | undefined {
  if (device?.known !== true) return undefined;
  const { storageBytes, memoryBytes, freeStorageBytes, freeMemoryBytes } = device.value.observation;
  const before = wasFull(host);
  const sized = [
    ...(freeStorageBytes === undefined || storageBytes === 0
      ? []
      : [sizeUp('storage', storageBytes - freeStorageBytes, storageBytes, STORAGE_PERCENT, before)]),
    ...(freeMemoryBytes === undefined ? [] : [sizeUp('memory', memoryBytes - freeMemoryBytes, memoryBytes, MEMORY_PERCENT, before)]),
  ];
  const worst = sized.find(({ now }) => now === 'Full') ?? sized.find(({ now }) => now === 'NearlyFull');
  return worst ?? (sized.length === 0 ? undefined : { now: 'HasRoom', message: 'neither its storage nor its memory is nearly full' });
}

/** The condition that says so; none where it was never seen. */
export function fullCondition(host: Host, facts: HostFacts): HostStatus['conditions'] {
  const observedGeneration = host.metadata.generation;
  const full = fullnessOfHost(host, facts);
  if (full !== undefined) {
    return [
      { type: 'Full', status: full.now === 'HasRoom' ? 'False' : 'True', reason: full.now, message: full.message, observedGeneration },
    ];
  }
  if (!host.status.conditions.some(({ type }) => type === 'Full') || facts.device?.known === true) return [];
  return [{ type: 'Full', status: 'Unknown', reason: 'NotSeen', message: 'nobody can tell how full it is', observedGeneration }];
}
