import type { Columns, Neighbours, PlacementRequest, Room, Size } from './schedule-facts.ts';

const share = (left: number, all: number): number => (all === 0 ? 0 : left / all);

/** How empty the host at an index stays with the VM on it: the share of what it has that is left, of the scarcer of CPUs and memory; 0 to 1. */
export function emptiness({ cpus, memoryBytes, freeCpus, freeMemoryBytes }: Columns, index: number, wanted: Size): number {
  return Math.min(
    share((freeCpus[index] ?? 0) - wanted.cpus, cpus[index] ?? 0),
    share((freeMemoryBytes[index] ?? 0) - wanted.memoryBytes, memoryBytes[index] ?? 0),
  );
}

/** How a request rates the host at an index: the fewest broken preferences first, then the lowest rank. */
export interface Score {
  readonly broken: (index: number) => number;
  readonly rank: (index: number) => number;
}

const nothing = (): number => 0;

/** The score of a request in a room. */
export function scoreOf(request: PlacementRequest, { hosts, columns }: Room, neighbours: Neighbours): Score {
  const { antiAffinity, strategy } = request.placement;
  const preferred = antiAffinity.filter(({ mode }) => mode === 'Preferred');
  const direction = { Spread: -1, Pack: 1, FirstFit: 0 }[strategy];
  const broken = (index: number): number => {
    const host = hosts[index];
    return host === undefined ? 0 : preferred.reduce((sum, rule) => sum + neighbours.sharing(rule, host), 0);
  };
  return {
    broken: preferred.length === 0 ? nothing : broken,
    rank: direction === 0 ? nothing : (index) => direction * emptiness(columns, index, request),
  };
}
