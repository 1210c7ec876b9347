import type { LabelSelector } from '../../apis/meta/selector.ts';
import { selects } from '../../apis/meta/selector.ts';
import { clip } from '../../apis/meta/sentence.ts';
import type { Cause, DiskPool, HostCandidate, Neighbours, PlacementRequest, Room } from './schedule-facts.ts';

const cause = (of: Cause['of'], one: string, many: string): Cause => ({ of, one, many });

const CAUSES = {
  notReady: cause('host', 'is not ready', 'are not ready'),
  deleting: cause('host', 'is being deleted', 'are being deleted'),
  cordoned: cause('host', 'is cordoned', 'are cordoned'),
  disabled: cause('host', 'is disabled', 'are disabled'),
  maintenance: cause('host', 'is in maintenance', 'are in maintenance'),
  full: cause('host', 'is nearly full', 'are nearly full'),
  otherPod: cause('placement', 'is in another pod', 'are in another pod'),
  notSelected: cause('placement', 'does not match hostSelector', 'do not match hostSelector'),
  unsupported: cause('driver', 'cannot do what is declared', 'cannot do what is declared'),
  poolOutOfReach: cause('placement', "does not reach a volume's pool", "do not reach a volume's pool"),
  protocol: cause('driver', "cannot open a volume's disk protocol", "cannot open a volume's disk protocol"),
  keptOff: cause('others', 'has a VM that must not share with it', 'have VMs that must not share with it'),
  memory: cause('room', 'has too little memory', 'have too little memory'),
  cpus: cause('room', 'has too few CPUs', 'have too few CPUs'),
} as const satisfies Record<string, Cause>;

/** What is said of a host that nobody knows enough of. */
export const NOT_READY: Cause = CAUSES.notReady;

/** The host at an index of a room. */
function hostAt({ hosts }: Room, index: number): HostCandidate {
  const host = hosts[index];
  if (host === undefined) throw new RangeError(`the room has no host ${index}`);
  return host;
}

/** Whether waiting does not help: the host cannot do what is declared, full or not. */
export function isUnsupported(why: Cause): boolean {
  return why.of === 'driver';
}

const MOST_OF_SELECTOR = 80;

/** `app=db,tier in (a,b),!old`, cut where it is long. */
function textOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  const all = [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...expressions];
  return all.length === 0 ? 'any VM' : clip(all.join(','), MOST_OF_SELECTOR);
}

/** Whether a pool's scope covers a host. */
export function reaches({ scope }: Pick<DiskPool, 'scope'>, { name, pod, zone }: Pick<HostCandidate, 'name' | 'pod' | 'zone'>): boolean {
  if (scope.host !== undefined) return scope.host === name;
  return scope.pod === undefined ? scope.zone === zone : scope.pod === pod;
}

/** The first reason why a host may not take the VM, whatever is placed there; undefined: it may. */
export function refusedBy(request: Pick<PlacementRequest, 'placement' | 'pools' | 'capabilities'>, host: HostCandidate): Cause | undefined {
  const { placement, pools, capabilities } = request;
  if (host.deleting) return CAUSES.deleting;
  if (host.allocation === 'Cordoned') return CAUSES.cordoned;
  if (host.allocation === 'Disabled') return CAUSES.disabled;
  if (host.maintenance) return CAUSES.maintenance;
  if (!host.ready) return CAUSES.notReady;
  if (host.full === true) return CAUSES.full;
  if (placement.pod !== undefined && placement.pod !== host.pod) return CAUSES.otherPod;
  if (placement.hostSelector !== undefined && !selects(placement.hostSelector, host.labels)) return CAUSES.notSelected;
  if (!capabilities.every((capability) => host.capabilities.includes(capability))) return CAUSES.unsupported;
  if (!pools.every((pool) => reaches(pool, host))) return CAUSES.poolOutOfReach;
  const opens = ({ protocols }: DiskPool): boolean => protocols.some((protocol) => host.capabilities.includes(`disk-protocol.${protocol}`));
  return pools.every(opens) ? undefined : CAUSES.protocol;
}

/** Says of the host at an index why a VM does not fit there; undefined: it does. */
export type Filter = (index: number) => Cause | undefined;

/** The filter of a request in a room: what its host must be like, who must not be there, and what must be free. */
export function filterOf(request: PlacementRequest, room: Room, neighbours: Neighbours): Filter {
  const { hosts, columns } = room;
  const { cpus, memoryBytes } = request;
  const refused = room.refusalsOf?.(request) ?? ((index: number) => refusedBy(request, hostAt(room, index)));
  const required = request.placement.antiAffinity
    .filter(({ mode }) => mode === 'Required')
    .map((rule) => {
      const whom = textOf(rule.labelSelector);
      const where = { Host: '', Pod: ' in its pod', Zone: ' in its zone' }[rule.topology];
      return { rule, shares: cause('placement', `shares with ${whom}${where}`, `share with ${whom}${where}`) };
    });
  const { keptOff } = neighbours;
  const isAlone = required.length === 0 && keptOff === undefined;
  const apart = (host: HostCandidate | undefined): Cause | undefined => {
    if (host === undefined) return CAUSES.notReady;
    for (const { rule, shares } of required) if (neighbours.sharing(rule, host) > 0) return shares;
    return keptOff?.(host) === true ? CAUSES.keptOff : undefined;
  };
  return (index) => {
    const why = refused(index) ?? (isAlone ? undefined : apart(hosts[index]));
    if (why !== undefined) return why;
    if ((columns.freeMemoryBytes[index] ?? 0) < memoryBytes) return CAUSES.memory;
    return (columns.freeCpus[index] ?? 0) < cpus || (columns.realCpus[index] ?? 0) < cpus ? CAUSES.cpus : undefined;
  };
}
