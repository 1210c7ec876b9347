import { selects } from '../../apis/meta/selector.ts';
import type { DiskPool, Free, HostCandidate, PlacedMachine, PlacementRequest } from './schedule-facts.ts';

const PHRASES = {
  notReady: ['is not ready', 'are not ready'],
  deleting: ['is being deleted', 'are being deleted'],
  cordoned: ['is cordoned', 'are cordoned'],
  disabled: ['is disabled', 'are disabled'],
  maintenance: ['is in maintenance', 'are in maintenance'],
  otherPod: ['is in another pod', 'are in another pod'],
  notSelected: ['does not match hostSelector', 'do not match hostSelector'],
  unsupported: ['cannot do what is declared', 'cannot do what is declared'],
  poolOutOfReach: ["does not reach a volume's pool", "do not reach a volume's pool"],
  protocol: ["cannot open a volume's disk protocol", "cannot open a volume's disk protocol"],
  antiAffinity: ['is kept apart by antiAffinity', 'are kept apart by antiAffinity'],
  memory: ['has too little memory', 'have too little memory'],
  cpus: ['has too few CPUs', 'have too few CPUs'],
} as const satisfies Record<string, readonly [string, string]>;

/** Why a host does not fit. */
export type Cause = keyof typeof PHRASES;

/** A cause as people read it, for `count` hosts. */
export function phraseOf(cause: Cause, count: number): string {
  return PHRASES[cause][count === 1 ? 0 : 1];
}

/** Whether a pool's scope covers a host. */
export function reaches({ scope }: Pick<DiskPool, 'scope'>, { name, pod, zone }: Pick<HostCandidate, 'name' | 'pod' | 'zone'>): boolean {
  if (scope.host !== undefined) return scope.host === name;
  return scope.pod === undefined ? scope.zone === zone : scope.pod === pod;
}

/** VMs that a rule keeps this one apart from, and that share the rule's topology with the host. */
export function sharing(
  request: PlacementRequest,
  rule: PlacementRequest['placement']['antiAffinity'][number],
  host: HostCandidate,
  placed: readonly PlacedMachine[],
): number {
  const same = ({ host: name, pod, zone }: PlacedMachine): boolean => {
    if (rule.topology === 'Host') return name === host.name;
    return rule.topology === 'Pod' ? pod === host.pod : zone === host.zone;
  };
  return placed.filter((other) => other.namespace === request.namespace && same(other) && selects(rule.labelSelector, other.labels)).length;
}

/** The first reason why the host may not take the VM, whatever is free there. */
function refusedBy(request: PlacementRequest, host: HostCandidate): Cause | undefined {
  const { placement, pools, capabilities } = request;
  if (host.deleting) return 'deleting';
  if (host.allocation === 'Cordoned') return 'cordoned';
  if (host.allocation === 'Disabled') return 'disabled';
  if (host.maintenance) return 'maintenance';
  if (!host.ready) return 'notReady';
  if (placement.pod !== undefined && placement.pod !== host.pod) return 'otherPod';
  if (placement.hostSelector !== undefined && !selects(placement.hostSelector, host.labels)) return 'notSelected';
  if (!capabilities.every((capability) => host.capabilities.includes(capability))) return 'unsupported';
  if (!pools.every((pool) => reaches(pool, host))) return 'poolOutOfReach';
  const opens = ({ protocols }: DiskPool): boolean => protocols.some((protocol) => host.capabilities.includes(`disk-protocol.${protocol}`));
  return pools.every(opens) ? undefined : 'protocol';
}

/** Why a host does not fit; undefined: it does. `free` is what is left there, `placed` are all other VMs. */
export function causeOf(request: PlacementRequest, host: HostCandidate, free: Free, placed: readonly PlacedMachine[]): Cause | undefined {
  const refused = refusedBy(request, host);
  if (refused !== undefined) return refused;
  const required = request.placement.antiAffinity.filter(({ mode }) => mode === 'Required');
  if (required.some((rule) => sharing(request, rule, host, placed) > 0)) return 'antiAffinity';
  if (free.memoryBytes < request.memoryBytes) return 'memory';
  return free.cpus < request.cpus || host.realCpus < request.cpus ? 'cpus' : undefined;
}
