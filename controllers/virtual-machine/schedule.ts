import type { Free, HostCandidate, PlacedMachine, PlacementRequest } from './schedule-facts.ts';
import { causeOf, phraseOf } from './schedule-filter.ts';
import type { Cause } from './schedule-filter.ts';
import { compareHosts } from './schedule-score.ts';

export type Choice =
  | { readonly host: string }
  /** unsupported: no host here can do what is declared, now or later. */
  | { readonly host?: undefined; readonly message: string; readonly unsupported: boolean };

/** What is left of each host, by name. */
export function freeOf(hosts: readonly HostCandidate[], placed: readonly PlacedMachine[]): ReadonlyMap<string, Free> {
  const free = new Map(hosts.map(({ name, allocatable }) => [name, allocatable]));
  for (const { host, cpus, memoryBytes } of placed) {
    const left = free.get(host);
    if (left !== undefined) free.set(host, { cpus: left.cpus - cpus, memoryBytes: left.memoryBytes - memoryBytes });
  }
  return free;
}

/** `0 of 3 hosts fit: 2 have too little memory, 1 is cordoned`. */
function refusal(causes: readonly Cause[]): string {
  const counts = new Map<Cause, number>();
  for (const cause of causes) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  const sorted = [...counts].sort(([one, many], [other, more]) => more - many || (one < other ? -1 : 1));
  const why = sorted.map(([cause, count]) => `${count} ${phraseOf(cause, count)}`).join(', ');
  return causes.length === 0 ? 'there are no hosts' : `0 of ${causes.length} ${causes.length === 1 ? 'host fits' : 'hosts fit'}: ${why}`;
}

/** Chooses the host of a VM: those that fit, the best by strategy, ties by name. Pure: the same arguments give the same host. */
export function schedule(request: PlacementRequest, hosts: readonly HostCandidate[], placed: readonly PlacedMachine[]): Choice {
  const others = placed.filter(({ uid }) => uid !== request.uid);
  const free = freeOf(hosts, others);
  const judged = hosts.map((host) => ({ host, cause: causeOf(request, host, free.get(host.name) ?? host.allocatable, others) }));
  const fitting = judged.flatMap(({ host, cause }) => (cause === undefined ? [host] : []));
  const [best] = fitting.sort(compareHosts(request, free, others));
  if (best !== undefined) return { host: best.name };
  const causes = judged.flatMap(({ cause }) => cause ?? []);
  const unsupported = causes.length > 0 && causes.every((cause) => cause === 'unsupported' || cause === 'protocol');
  return { message: refusal(causes), unsupported };
}
