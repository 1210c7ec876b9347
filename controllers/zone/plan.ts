import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { resourcesOf } from '../../apis/meta/amounts.ts';
import type { Amounts, Sum } from '../../apis/meta/amounts.ts';
import type { Resources } from '../../apis/meta/fields.ts';
import { countOf, nameList } from '../../apis/meta/sentence.ts';
import type { Storage } from '../../apis/storage/v1alpha1/storage-pool/storage.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Plan, Planned, Verdict } from '../runtime/plan.ts';

type ZoneReason = Zone['status']['conditions'][number]['reason'];

/** The hosts of a zone, as their objects say. */
export interface HostsInZone {
  readonly count: number;
  /** Those that are not ready, with the reason. */
  readonly lame: readonly { readonly name: string; readonly reason: string }[];
  readonly capacity: Amounts;
  readonly allocatable: Amounts;
}

/** What is in a zone, as the objects say. */
export interface ZoneFacts {
  readonly pods: number;
  readonly hosts: HostsInZone;
  /** Storage of the pools in the zone. */
  readonly storage: Storage;
  /** The VMs placed in the zone. */
  readonly machines: Sum;
  /** Kinds and names of what must go before the zone can. */
  readonly children: readonly string[];
  readonly shard: { readonly holder: string; readonly epoch: number };
}

/** A zone is not on any device: nothing to do but to say what is there. */
export type ZoneStep = never;

function verdictOf({ hosts, children }: ZoneFacts, deleting: boolean): Verdict<ZoneReason> {
  if (deleting) {
    if (children.length === 0) return { status: 'False', reason: 'Deleting', message: 'nothing is left in it', also: 'moving' };
    return { status: 'False', reason: 'Deleting', message: `waits for ${nameList(children)} to go`, also: 'moving' };
  }
  if (hosts.count === 0) return { status: 'False', reason: 'NoHosts', message: 'it has no hosts yet' };
  const lame = hosts.lame.map(({ name, reason }) => `${name} (${reason})`).sort();
  if (lame.length === 0) return { status: 'True', reason: 'AsDeclared', message: `${countOf(hosts.count, 'host')} ready` };
  return {
    status: 'False',
    reason: 'HostsNotReady',
    message: `${lame.length} of ${countOf(hosts.count, 'host')} not ready: ${nameList(lame)}`,
  };
}

/** Decides what is said of a zone, and whether it may go. Pure. */
export function planZone({ metadata }: Zone, facts: ZoneFacts): Plan<ZoneStep, Planned<Zone['status']>> {
  const { pods, hosts, storage, machines, children, shard } = facts;
  const deleting = metadata.deletionTimestamp !== undefined;
  const verdict = verdictOf(facts, deleting);
  const offered = (amounts: Amounts, storageBytes: number): Resources => resourcesOf({ ...amounts, storageBytes });
  return {
    status: {
      observedGeneration: metadata.generation,
      capacity: offered(hosts.capacity, storage.capacityBytes),
      allocatable: offered(hosts.allocatable, storage.allocatableBytes),
      allocated: offered(machines.amounts, storage.provisionedBytes),
      counts: { pods, hosts: hosts.count, hostsReady: hosts.count - hosts.lame.length, virtualMachines: machines.count },
      shard,
      conditions: verdictConditions(metadata.generation, verdict),
    },
    finalizer: deleting && children.length === 0 ? 'release' : 'hold',
    steps: [],
    ...(deleting && children.length > 0 && { waitsFor: verdict.message }),
  };
}
