import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { HostFacts } from './plan-facts.ts';

/** The last decision about an orphan's object: the driver knows no later one, so this passes, and a newer one is refused. */
interface Decision {
  readonly uid: string;
  readonly generation: number;
  readonly placementEpoch: number;
}

/** What is done about an orphan that a person has given up: it is stopped as a VM would be, then deleted. */
export type CollectStep = ({ readonly do: 'stop-orphan' } & Decision) | ({ readonly do: 'delete-orphan' } & Decision);

function stepFor({ id, power, stoppingSinceMs, generation, placementEpoch }: Machine): readonly CollectStep[] {
  const decision = { uid: id, generation, placementEpoch };
  if (power === 'stopped') return [{ do: 'delete-orphan', ...decision }];
  return power === 'unknown' || stoppingSinceMs !== undefined ? [] : [{ do: 'stop-orphan', ...decision }];
}

/** Steps for the orphans that spec.collect names: machines of this installation whose object was read, and is gone. Nothing else is touched. */
export function collectSteps({ spec }: Host, { device, pod, installation, orphans, twin }: HostFacts): readonly CollectStep[] {
  if (device?.known !== true || pod === undefined || pod.allocation === 'Disabled' || twin !== undefined) return [];
  const named = device.value.observation.machines.filter(({ id }) => spec.collect.includes(id));
  const given = named.filter(
    ({ owner, released }) => owner?.installation === installation && owner.kind === 'VirtualMachine' && !released && orphans.has(owner.uid),
  );
  return given.flatMap(stepFor);
}
