import { sharing } from './schedule-filter.ts';
import type { Free, HostCandidate, PlacedMachine, PlacementRequest } from './schedule-facts.ts';

/** How empty a host stays with the VM on it: the share of what it has that is left, of the scarcer of CPUs and memory; 0 to 1. */
export function emptiness({ cpus, memoryBytes }: Free, request: PlacementRequest, { allocatable }: HostCandidate): number {
  const left = (free: number, wanted: number, all: number): number => (all === 0 ? 0 : (free - wanted) / all);
  return Math.min(left(cpus, request.cpus, allocatable.cpus), left(memoryBytes, request.memoryBytes, allocatable.memoryBytes));
}

/** An order of hosts, the best first: few preferences broken, then by strategy, then by name. */
export function compareHosts(
  request: PlacementRequest,
  free: ReadonlyMap<string, Free>,
  placed: readonly PlacedMachine[],
): (one: HostCandidate, other: HostCandidate) => number {
  const { antiAffinity, strategy } = request.placement;
  const preferred = antiAffinity.filter(({ mode }) => mode === 'Preferred');
  const direction = { Spread: -1, Pack: 1, FirstFit: 0 }[strategy];
  const scores = new Map<string, readonly [broken: number, rank: number]>();
  const scoreOf = (host: HostCandidate): readonly [number, number] => {
    const known = scores.get(host.name);
    if (known !== undefined) return known;
    const broken = preferred.reduce((sum, rule) => sum + sharing(request, rule, host, placed), 0);
    const score = [broken, direction * emptiness(free.get(host.name) ?? host.allocatable, request, host)] as const;
    scores.set(host.name, score);
    return score;
  };
  return (one, other) => {
    const [broken, rank] = scoreOf(one);
    const [otherBroken, otherRank] = scoreOf(other);
    return broken - otherBroken || rank - otherRank || (one.name < other.name ? -1 : 1);
  };
}
