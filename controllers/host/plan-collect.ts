import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { HostFacts, HostStep } from './plan-facts.ts';

/** What is done about an orphan that a person has given up; the driver knows no later decision about it than its own record. */

function stepFor({ id, power, stoppingSinceMs, generation, placementEpoch }: Machine): readonly HostStep[] {
  const machine = { uid: id, generation, placementEpoch };
  if (power === 'stopped') return [{ do: 'delete-orphan', machine }];
  return power === 'unknown' || stoppingSinceMs !== undefined ? [] : [{ do: 'stop-orphan', machine }];
}

/** Steps for the orphans that spec.collect names: machines of this installation whose object was read, and is gone. Nothing else is touched. */
export function collectSteps({ spec }: Host, { device, pod, installation, orphans, twin }: HostFacts): readonly HostStep[] {
  if (device?.known !== true || pod === undefined || pod.allocation === 'Disabled' || twin !== undefined) return [];
  const named = device.value.observation.machines.filter(({ id }) => spec.collect.includes(id));
  const given = named.filter(
    ({ owner, released }) => owner?.installation === installation && owner.kind === 'VirtualMachine' && !released && orphans.has(owner.uid),
  );
  return given.flatMap(stepFor);
}
