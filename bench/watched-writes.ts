import type { Outcome } from './jobs.ts';
import { machinesPath } from './objects.ts';
import type { Side } from './side.ts';
import { sound } from './workload.ts';

/** Makes a namespace with so many VirtualMachines. */
export async function makeMachines(side: Side, namespace: string, count: number): Promise<void> {
  await side.namespace(namespace);
  const shape = { verb: 'create', of: 'machines', namespace, from: 0 } as const;
  sound(await side.load({ kind: 'closed', shape, clients: 32, count }));
}

/** Makes a namespace with so many Leases. */
export async function makeLeases(side: Side, namespace: string, count: number): Promise<void> {
  await side.namespace(namespace);
  const shape = { verb: 'create', of: 'leases', namespace, from: 0 } as const;
  sound(await side.load({ kind: 'closed', shape, clients: 64, count }));
}

/** What a run of watched writes is. */
export interface WatchedWrites {
  readonly namespace: string;
  readonly objects: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly watchers: number;
  /** Others that hang, and how many changes make them hang: of objects that have seen no numbered write. */
  readonly stalled?: number;
  readonly filling?: number;
}

/** Writes at a rate while others watch, and fails unless watchers were sent each event. */
export async function watchedWrites(
  side: Side,
  writes: WatchedWrites,
): Promise<Outcome & { readonly events: NonNullable<Outcome['events']> }> {
  const { namespace, objects, perSecond, seconds, watchers, stalled = 0, filling = 0 } = writes;
  const shape = { verb: 'patch-sequence', namespace, objects } as const;
  const watch = { path: `${machinesPath(namespace)}?watch=true`, watchers, stalled, filling };
  // As many connections as keep the rate when an answer takes 60 ms.
  const connections = Math.min(32, Math.max(4, Math.ceil(perSecond / 16)));
  const outcome = sound(await side.load({ kind: 'rate', shape, connections, perSecond, seconds, watch }));
  if (outcome.events === undefined) throw new Error('nobody watched');
  return { ...outcome, events: outcome.events };
}
