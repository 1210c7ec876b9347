import { selects } from '../../apis/meta/selector.ts';
import type { AntiAffinity, HostCandidate, Neighbours, PlacedMachine, PlacementRequest, Room, Size } from './schedule-facts.ts';

/** Whether a VM shares a rule's topology with a host. */
export function isShared({ topology }: AntiAffinity, host: HostCandidate, placed: PlacedMachine): boolean {
  if (topology === 'Host') return placed.host === host.name;
  return topology === 'Pod' ? placed.pod === host.pod : placed.zone === host.zone;
}

/** What these VMs mean for a request; the VM itself does not count. */
export function neighboursAmong(request: PlacementRequest, placed: readonly PlacedMachine[]): Neighbours {
  const others = placed.filter(({ uid, namespace }) => uid !== request.uid && namespace === request.namespace);
  const keepers = others.filter(({ keepsOff }) => keepsOff.length > 0);
  return {
    sharing: (rule, host) => others.filter((one) => isShared(rule, host, one) && selects(rule.labelSelector, one.labels)).length,
    ...(keepers.length > 0 && {
      keptOff: (host) =>
        keepers.some((one) => one.keepsOff.some((rule) => isShared(rule, host, one) && selects(rule.labelSelector, request.labels))),
    }),
  };
}

/** A room of these hosts, with these VMs in it. */
export function roomOf(hosts: readonly HostCandidate[], placed: readonly PlacedMachine[], except = ''): Room {
  const others = placed.filter(({ uid }) => uid !== except);
  const sorted = [...hosts].sort((one, other) => (one.name < other.name ? -1 : 1));
  const left = (of: (size: Size) => number): number[] =>
    sorted.map(({ name, allocatable }) => others.reduce((free, one) => (one.host === name ? free - of(one) : free), of(allocatable)));
  return {
    hosts: sorted,
    columns: {
      cpus: sorted.map(({ allocatable }) => allocatable.cpus),
      memoryBytes: sorted.map(({ allocatable }) => allocatable.memoryBytes),
      freeCpus: left(({ cpus }) => cpus),
      freeMemoryBytes: left(({ memoryBytes }) => memoryBytes),
      realCpus: sorted.map(({ realCpus }) => realCpus),
    },
    neighboursOf: (request) => neighboursAmong(request, others),
  };
}
