import type { ObjectKey } from '../../client/client.ts';
import type { PlacementRequest, Size } from './schedule-facts.ts';

/** A VM that no host fits. */
export interface Waiter {
  readonly key: ObjectKey;
  readonly zone: string;
  /** Smaller is served first: RFC 3339 time of its creation, then its uid. */
  readonly age: string;
  readonly request: PlacementRequest;
}

/** What a VM was woken for. */
export interface Roused {
  readonly host: string;
  /** It was woken for all of its kind: where it has a place, the next may have one too. */
  readonly leads?: string;
}

/** VMs that wait for room, oldest first. One that was woken is not woken again until it says how that went. */
export interface WaitingList {
  add(waiter: Waiter): void;
  /** Takes a VM off the list; returns what it was woken for, if it was. */
  remove(uid: string): Roused | undefined;
  /** Wakes as many as a host has room for, oldest first, of those that it fits; VMs of one kind are asked about once. */
  wake(
    host: { readonly name: string; readonly zone: string; readonly free: Size },
    fits: (request: PlacementRequest) => boolean,
  ): readonly Waiter[];
  /** The oldest of each kind that waits and was not woken. */
  kinds(): Iterable<Waiter>;
  /** The oldest of a kind that waits and was not woken. */
  first(kind: string): Waiter | undefined;
  /** Wakes this one for a host, and for all of its kind. */
  rouse(waiter: Waiter, host: string): void;
}

/** VMs that ask for the same, oldest first. */
interface Line {
  readonly kind: string;
  readonly waiters: Waiter[];
}

interface Known {
  readonly waiter: Waiter;
  readonly line: Line;
  roused?: Roused;
}

function kindOf({ zone, request: { uid: _uid, ...asked } }: Waiter): string {
  return JSON.stringify([zone, asked]);
}

/** The index of the first that is not older. */
function rankOf(waiters: readonly Waiter[], age: string): number {
  let [low, high] = [0, waiters.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((waiters[middle]?.age ?? '') < age) low = middle + 1;
    else high = middle;
  }
  return low;
}

const without = (all: Size, some: Size): Size => ({ cpus: all.cpus - some.cpus, memoryBytes: all.memoryBytes - some.memoryBytes });

const isWithin = (wanted: Size, all: Size): boolean => wanted.memoryBytes <= all.memoryBytes && wanted.cpus <= all.cpus;

/** The oldest head of lines that have room. */
function oldestOf(lines: readonly Line[], free: Size): Waiter | undefined {
  let oldest: Waiter | undefined;
  for (const { waiters } of lines) {
    const [head] = waiters;
    if (head === undefined || !isWithin(head.request, free)) continue;
    if (oldest === undefined || head.age < oldest.age) oldest = head;
  }
  return oldest;
}

/** Takes one out of the line that it stands in. */
function stepOut(lines: Map<string, Line>, { waiter, line }: Known): void {
  const at = rankOf(line.waiters, waiter.age);
  if (line.waiters[at] === waiter) line.waiters.splice(at, 1);
  if (line.waiters.length === 0) lines.delete(line.kind);
}

/** A list with nobody on it. */
export function createWaitingList(): WaitingList {
  const lines = new Map<string, Line>();
  const known = new Map<string, Known>();
  /** Who was woken for a host and has not said yet whether it takes it. */
  const roused = new Map<string, Set<Waiter>>();

  function remove(uid: string): Roused | undefined {
    const one = known.get(uid);
    if (one === undefined) return undefined;
    known.delete(uid);
    if (one.roused === undefined) {
      stepOut(lines, one);
      return undefined;
    }
    const { host } = one.roused;
    const others = roused.get(host);
    others?.delete(one.waiter);
    if (others?.size === 0) roused.delete(host);
    return one.roused;
  }

  function rouse({ request: { uid } }: Waiter, host: string, leads: boolean): void {
    const one = known.get(uid);
    if (one === undefined) return;
    stepOut(lines, one);
    one.roused = { host, ...(leads && { leads: one.line.kind }) };
    roused.set(host, (roused.get(host) ?? new Set()).add(one.waiter));
  }

  return {
    add(waiter) {
      remove(waiter.request.uid);
      const kind = kindOf(waiter);
      const line = lines.get(kind) ?? { kind, waiters: [] };
      lines.set(kind, line);
      line.waiters.splice(rankOf(line.waiters, waiter.age), 0, waiter);
      known.set(waiter.request.uid, { waiter, line });
    },
    remove,
    wake({ name, zone, free }, fits) {
      let left = free;
      for (const { request } of roused.get(name) ?? []) left = without(left, request);
      const open = [...lines.values()].filter(
        ({ waiters: [head] }) => head?.zone === zone && isWithin(head.request, left) && fits(head.request),
      );
      const woken: Waiter[] = [];
      for (let next = oldestOf(open, left); next !== undefined; next = oldestOf(open, left)) {
        woken.push(next);
        rouse(next, name, false);
        left = without(left, next.request);
      }
      return woken;
    },
    *kinds() {
      for (const { waiters } of lines.values()) yield* waiters.slice(0, 1);
    },
    first: (kind) => lines.get(kind)?.waiters[0],
    rouse: (waiter, host) => rouse(waiter, host, true),
  };
}
