import { conditionIn } from '../../../meta/condition.ts';
import type { Host } from './schema.ts';

/** What of a host its pod and its zone sum up: whoever changes none of this changes no sum. */
export function offerOf(host: Host): unknown {
  const ready = conditionIn(host, 'Ready');
  return [host.status.capacity, host.status.allocatable, ready?.status, ready?.reason];
}

/** The pod of a host that is not ready; undefined: it is. */
export function lamePodOf(host: Host): string | undefined {
  return conditionIn(host, 'Ready')?.status === 'True' ? undefined : host.spec.pod;
}

/** A host that is not ready, as its pod and its zone name it. */
export function lameOf(host: Host): { readonly name: string; readonly reason: string } {
  return { name: host.metadata.name, reason: conditionIn(host, 'Ready')?.reason ?? 'Pending' };
}
