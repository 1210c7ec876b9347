import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { resourcesOf } from '../../apis/meta/amounts.ts';
import type { Amounts, Sum } from '../../apis/meta/amounts.ts';
import type { Resources } from '../../apis/meta/fields.ts';
import { countOf, nameList } from '../../apis/meta/sentence.ts';
import type { Storage } from '../../apis/storage/v1alpha1/storage-pool/storage.ts';
import { verdictConditions } from '../runtime/plan.ts';
import type { Plan, Planned, Verdict } from '../runtime/plan.ts';

type PodReason = Pod['status']['conditions'][number]['reason'];

/** The hosts of a pod, as their objects say. */
export interface HostsInPod {
  readonly count: number;
  /** Those that are not ready, with the reason. */
  readonly lame: readonly { readonly name: string; readonly reason: string }[];
  readonly capacity: Amounts;
  readonly allocatable: Amounts;
}

/** What is in a pod, as the objects say. */
export interface PodFacts {
  readonly zoneExists: boolean;
  readonly hosts: HostsInPod;
  /** Storage of the pools whose scope is the pod or one of its hosts. */
  readonly storage: Storage;
  /** The VMs placed in the pod. */
  readonly machines: Sum;
  /** Kinds and names of what must go before the pod can. */
  readonly children: readonly string[];
}

/** A pod is not on any device: nothing to do but to say what is there. */
export type PodStep = never;

function verdictOf({ spec }: Pod, { zoneExists, hosts, children }: PodFacts, deleting: boolean): Verdict<PodReason> {
  if (deleting) {
    if (children.length === 0) return { status: 'False', reason: 'Deleting', message: 'nothing is left in it', also: 'moving' };
    return { status: 'False', reason: 'Deleting', message: `waits for ${nameList(children)} to go`, also: 'moving' };
  }
  if (!zoneExists) return { status: 'False', reason: 'ZoneNotFound', message: `there is no Zone ${spec.zone}` };
  if (hosts.count === 0) return { status: 'False', reason: 'NoHosts', message: 'it has no hosts yet' };
  const lame = hosts.lame.map(({ name, reason }) => `${name} (${reason})`).sort();
  if (lame.length === 0) return { status: 'True', reason: 'AsDeclared', message: `${countOf(hosts.count, 'host')} ready` };
  return {
    status: 'False',
    reason: 'HostsNotReady',
    message: `${lame.length} of ${countOf(hosts.count, 'host')} not ready: ${nameList(lame)}`,
  };
}

/** Decides what is said of a pod, and whether it may go. Pure. */
export function planPod(pod: Pod, facts: PodFacts): Plan<PodStep, Planned<Pod['status']>> {
  const { metadata } = pod;
  const { hosts, storage, machines, children } = facts;
  const deleting = metadata.deletionTimestamp !== undefined;
  const verdict = verdictOf(pod, facts, deleting);
  const offered = (amounts: Amounts, storageBytes: number): Resources => resourcesOf({ ...amounts, storageBytes });
  return {
    status: {
      observedGeneration: metadata.generation,
      capacity: offered(hosts.capacity, storage.capacityBytes),
      allocatable: offered(hosts.allocatable, storage.allocatableBytes),
      allocated: offered(machines.amounts, storage.provisionedBytes),
      counts: { hosts: hosts.count, hostsReady: hosts.count - hosts.lame.length, virtualMachines: machines.count },
      conditions: verdictConditions(metadata.generation, verdict),
    },
    finalizer: deleting && children.length === 0 ? 'release' : 'hold',
    steps: [],
    ...(deleting && children.length > 0 && { waitsFor: verdict.message }),
  };
}
