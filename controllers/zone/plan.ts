import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { amountsOf, resourcesOf, sumOf } from '../../apis/meta/amounts.ts';
import type { Amounts } from '../../apis/meta/amounts.ts';
import type { Resources } from '../../apis/meta/fields.ts';
import { countOf, nameList } from '../../apis/meta/sentence.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Plan, Planned, Verdict } from '../runtime/plan.ts';

type ZoneReason = Zone['status']['conditions'][number]['reason'];

/** A host of the zone, as its object says. */
export interface HostInZone {
  readonly name: string;
  readonly ready: boolean;
  readonly reason: string;
  readonly capacity?: Resources;
  readonly allocatable?: Resources;
}

/** What is in a zone, as the objects say. */
export interface ZoneFacts {
  readonly pods: readonly string[];
  readonly hosts: readonly HostInZone[];
  /** Storage of the pools in the zone. */
  readonly storage: { readonly capacityBytes: number; readonly allocatableBytes: number; readonly provisionedBytes: number };
  /** What the VMs placed in the zone take; one entry a VM. */
  readonly machines: readonly Amounts[];
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
  if (hosts.length === 0) return { status: 'False', reason: 'NoHosts', message: 'it has no hosts yet' };
  const lame = hosts
    .filter(({ ready }) => !ready)
    .map(({ name, reason }) => `${name} (${reason})`)
    .sort();
  if (lame.length === 0) return { status: 'True', reason: 'AsDeclared', message: `${countOf(hosts.length, 'host')} ready` };
  return {
    status: 'False',
    reason: 'HostsNotReady',
    message: `${lame.length} of ${countOf(hosts.length, 'host')} not ready: ${nameList(lame)}`,
  };
}

/** Decides what is said of a zone, and whether it may go. Pure. */
export function planZone({ metadata }: Zone, facts: ZoneFacts): Plan<ZoneStep, Planned<Zone['status']>> {
  const { pods, hosts, storage, machines, children, shard } = facts;
  const deleting = metadata.deletionTimestamp !== undefined;
  const verdict = verdictOf(facts, deleting);
  const ready = hosts.filter((host) => host.ready).length;
  const offered = (pick: (host: HostInZone) => Resources | undefined, storageBytes: number): Resources =>
    resourcesOf({ ...sumOf(hosts.map((host) => amountsOf(pick(host)))), storageBytes });
  return {
    status: {
      observedGeneration: metadata.generation,
      capacity: offered(({ capacity }) => capacity, storage.capacityBytes),
      allocatable: offered(({ allocatable }) => allocatable, storage.allocatableBytes),
      allocated: resourcesOf({ ...sumOf(machines), storageBytes: storage.provisionedBytes }),
      counts: { pods: pods.length, hosts: hosts.length, hostsReady: ready, virtualMachines: machines.length },
      shard,
      conditions: verdictConditions(metadata.generation, verdict),
    },
    finalizer: deleting && children.length === 0 ? 'release' : 'hold',
    steps: [],
    ...(deleting && children.length > 0 && { waitsFor: verdict.message }),
  };
}
