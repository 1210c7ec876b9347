import type { LabelSelector } from '../../apis/meta/selector.ts';
import { selects } from '../../apis/meta/selector.ts';
import type { AntiAffinity, HostCandidate, Neighbours, PlacedMachine, PlacementRequest } from './schedule-facts.ts';

/** Who shares a host, a pod or a zone with whom, found by selector: each selector is held against a VM once, when the VM comes. */
export interface NeighbourIndex {
  add(placed: PlacedMachine): void;
  remove(placed: PlacedMachine): void;
  neighboursOf(request: PlacementRequest): Neighbours;
  /** VMs beyond the host itself that a request's rules, or their own, may keep from sharing the host's pod or zone. */
  beyond(request: PlacementRequest, host: HostCandidate): readonly PlacedMachine[];
}

type Topology = AntiAffinity['topology'];
type Sets = ReadonlyMap<string, Set<PlacedMachine>>;

const TOPOLOGIES: readonly Topology[] = ['Host', 'Pod', 'Zone'];
const NAMES = {
  Host: (one: PlacedMachine) => one.host,
  Pod: (one: PlacedMachine) => one.pod,
  Zone: (one: PlacedMachine) => one.zone,
} as const;
const PLACES = {
  Host: (host: HostCandidate) => host.name,
  Pod: (host: HostCandidate) => host.pod,
  Zone: (host: HostCandidate) => host.zone,
} as const;

/** A selector of a namespace that a rule of some VM has. */
interface Group {
  readonly selector: LabelSelector;
  /** VMs that it selects, by where they are. */
  readonly members: Readonly<Record<Topology, Map<string, Set<PlacedMachine>>>>;
  /** VMs that must not share with what it selects, by where they are. */
  readonly holders: Readonly<Record<Topology, Map<string, Set<PlacedMachine>>>>;
  held: number;
}

interface Namespace {
  /** By uid. */
  readonly machines: Map<string, PlacedMachine>;
  /** By selector as JSON; those least recently made first. */
  readonly groups: Map<string, Group>;
}

/** Selectors that are remembered though no placed VM has a rule with them, in each namespace. */
const MOST_GROUPS = 256;

const sets = (): Group['members'] => ({ Host: new Map(), Pod: new Map(), Zone: new Map() });

function put(into: Map<string, Set<PlacedMachine>>, name: string, one: PlacedMachine): void {
  into.set(name, (into.get(name) ?? new Set()).add(one));
}

function drop(from: Map<string, Set<PlacedMachine>>, name: string, one: PlacedMachine): void {
  const those = from.get(name);
  those?.delete(one);
  if (those?.size === 0) from.delete(name);
}

function join({ members }: Group, one: PlacedMachine): void {
  for (const topology of TOPOLOGIES) put(members[topology], NAMES[topology](one), one);
}

function groupOf({ machines, groups }: Namespace, selector: LabelSelector): Group {
  const key = JSON.stringify(selector);
  const known = groups.get(key);
  if (known !== undefined) return known;
  const group: Group = { selector, members: sets(), holders: sets(), held: 0 };
  for (const one of machines.values()) if (selects(selector, one.labels)) join(group, one);
  if (groups.size >= MOST_GROUPS) {
    const [idle] = [...groups].find(([, { held }]) => held === 0) ?? [];
    if (idle !== undefined) groups.delete(idle);
  }
  groups.set(key, group);
  return group;
}

/** How many are there beside one. */
function othersAt(those: Sets, name: string, one: PlacedMachine | undefined): number {
  const there = those.get(name);
  if (there === undefined) return 0;
  return one !== undefined && there.has(one) ? there.size - 1 : there.size;
}

/** Groups whose holders keep a VM with these labels off. */
function against(namespace: Namespace, labels: PlacedMachine['labels']): readonly Group[] {
  return [...namespace.groups.values()].filter(({ held, selector }) => held > 0 && selects(selector, labels));
}

function neighboursIn(namespace: Namespace, { uid, labels, placement }: PlacementRequest): Neighbours {
  // One that has a place, and looks for another, does not count against itself.
  const itself = namespace.machines.get(uid);
  const rules = new Map(placement.antiAffinity.map((rule) => [rule, groupOf(namespace, rule.labelSelector).members[rule.topology]]));
  const kept = against(namespace, labels).flatMap(({ holders }) =>
    TOPOLOGIES.flatMap((topology) => (holders[topology].size === 0 ? [] : [{ at: PLACES[topology], those: holders[topology] }])),
  );
  return {
    sharing(rule, host) {
      const those = rules.get(rule);
      return those === undefined || those.size === 0 ? 0 : othersAt(those, PLACES[rule.topology](host), itself);
    },
    ...(kept.length > 0 && { keptOff: (host) => kept.some(({ at, those }) => othersAt(those, at(host), itself) > 0) }),
  };
}

function beyondHost(namespace: Namespace, { labels, placement }: PlacementRequest, host: HostCandidate): readonly PlacedMachine[] {
  const mine = placement.antiAffinity
    .filter(({ topology, mode }) => topology !== 'Host' && mode === 'Required')
    .flatMap(({ topology, labelSelector }) => [...(groupOf(namespace, labelSelector).members[topology].get(PLACES[topology](host)) ?? [])]);
  const theirs = against(namespace, labels).flatMap(({ holders }) => [
    ...(holders.Pod.get(host.pod) ?? []),
    ...(holders.Zone.get(host.zone) ?? []),
  ]);
  return [...mine, ...theirs];
}

/** An index without a VM in it. */
export function createNeighbourIndex(): NeighbourIndex {
  const namespaces = new Map<string, Namespace>();
  return {
    add(placed) {
      const namespace: Namespace = namespaces.get(placed.namespace) ?? { machines: new Map(), groups: new Map() };
      namespaces.set(placed.namespace, namespace);
      namespace.machines.set(placed.uid, placed);
      for (const group of namespace.groups.values()) if (selects(group.selector, placed.labels)) join(group, placed);
      for (const { labelSelector, topology } of placed.keepsOff) {
        const group = groupOf(namespace, labelSelector);
        group.held += 1;
        put(group.holders[topology], NAMES[topology](placed), placed);
      }
    },
    remove(placed) {
      const namespace = namespaces.get(placed.namespace);
      if (namespace === undefined) return;
      namespace.machines.delete(placed.uid);
      for (const { members } of namespace.groups.values()) {
        for (const topology of TOPOLOGIES) drop(members[topology], NAMES[topology](placed), placed);
      }
      for (const { labelSelector, topology } of placed.keepsOff) {
        const group = groupOf(namespace, labelSelector);
        group.held -= 1;
        drop(group.holders[topology], NAMES[topology](placed), placed);
      }
      if (namespace.machines.size === 0) namespaces.delete(placed.namespace);
    },
    neighboursOf(request) {
      const namespace = namespaces.get(request.namespace);
      return namespace === undefined ? { sharing: () => 0 } : neighboursIn(namespace, request);
    },
    beyond(request, host) {
      const namespace = namespaces.get(request.namespace);
      return namespace === undefined ? [] : beyondHost(namespace, request, host);
    },
  };
}
