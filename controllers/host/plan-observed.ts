import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { allocatableOf, resourcesOf, sumOf } from '../../apis/meta/amounts.ts';
import type { Amounts } from '../../apis/meta/amounts.ts';
import { bytesOf } from '../../apis/meta/quantity.ts';
import { clip } from '../../apis/meta/sentence.ts';
import type { HostObservation } from '../../drivers/contract/driver.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import type { HostFacts } from './plan-facts.ts';
import { leaseSecondsAfter } from './plan-lease.ts';
import { driverDigest } from './plan-reached.ts';

type HostStatus = Host['status'];
type Unmanaged = NonNullable<HostStatus['unmanaged']>[number];

const MOST_UNMANAGED = 100;
const MOST_FACTS = 64;

/** Why a machine is not managed; undefined: it is. */
function whyNot({ owner, released }: Machine, { installation, machines }: HostFacts): Unmanaged['why'] | undefined {
  if (owner?.installation !== installation) return 'foreign';
  if (released) return 'released';
  return machines.has(owner.uid) ? undefined : 'orphan';
}

function unmanagedOf(observed: readonly Machine[], facts: HostFacts): readonly Unmanaged[] {
  const found = observed.flatMap((machine): Unmanaged[] => {
    const why = whyNot(machine, facts);
    return why === undefined ? [] : [{ kind: 'Machine', id: clip(machine.id, 253), name: clip(machine.name, 253), why }];
  });
  return found.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, MOST_UNMANAGED);
}

function offeredBy({ spec }: Host, { cpus, memoryBytes, storageBytes }: HostObservation, { pod }: HostFacts): Amounts {
  const { cpuPercent, memoryPercent } = pod ?? { cpuPercent: 100, memoryPercent: 100 };
  return {
    cpus: allocatableOf(cpus, spec.reserved.cpus, cpuPercent),
    memoryBytes: allocatableOf(memoryBytes, bytesOf(spec.reserved.memory), memoryPercent),
    storageBytes,
  };
}

function factsOf(facts: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(facts).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.slice(0, MOST_FACTS).map(([name, value]) => [clip(name, 63), clip(value, 253)]));
}

/** The id of the machine that is in use, where another one answers now: what is placed on one must not be looked for on the other. */
export function hostIdBefore({ status }: Host, { device, placed, claimed }: HostFacts): string | undefined {
  if (device?.known !== true || placed.length + claimed.length === 0) return undefined;
  return status.hostId === clip(device.value.observation.hostId, 128) ? undefined : status.hostId;
}

/** What a Host's status shows of its device: what was seen now, or, while nobody answers, what was seen last. */
export function observedFields(host: Host, facts: HostFacts): Omit<HostStatus, 'conditions' | 'observedGeneration' | 'fence'> {
  const allocated = resourcesOf({ ...sumOf(facts.placed), storageBytes: facts.storageBytes });
  const { device } = facts;
  if (device?.known !== true || hostIdBefore(host, facts) !== undefined) {
    const { conditions: _conditions, observedGeneration: _observedGeneration, fence: _fence, ...last } = host.status;
    return { ...last, ...(last.capacity !== undefined && { allocated }) };
  }
  const { info, observation, capabilities } = device.value;
  const { hostId, bootId, cpus, memoryBytes, storageBytes, machines } = observation;
  const unmanaged = unmanagedOf(machines, facts);
  const leaseSeconds = leaseSecondsAfter(host, device.value.lease);
  return {
    hostId: clip(hostId, 128),
    bootId: clip(bootId, 128),
    capacity: resourcesOf({ cpus, memoryBytes, storageBytes }),
    allocatable: resourcesOf(offeredBy(host, observation, facts)),
    allocated,
    // Not its process: that would be written of every host whenever a driver starts again.
    driver: { name: clip(info.name, 63), version: clip(info.version, 63), reached: driverDigest(host) },
    capabilities: [...capabilities]
      .sort()
      .slice(0, MOST_FACTS)
      .map((name) => clip(name, 128)),
    facts: factsOf(observation.facts),
    machines: machines.filter(({ owner, released }) => owner?.installation === facts.installation && !released).length,
    ...(leaseSeconds !== undefined && { leaseSeconds }),
    ...(unmanaged.length > 0 && { unmanaged: [...unmanaged] }),
  };
}
