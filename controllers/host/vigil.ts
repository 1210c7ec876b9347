import type { HostLease } from '../../drivers/contract/lease.ts';

/** For how long a leader has heard nothing of a host that it has asked. */
export interface Unheard {
  /** When its first question stayed without an answer, by the monotonic clock. */
  readonly sinceMs: number;
  /** The boot that had been seen last when the host was proven off. */
  readonly offBoot?: string;
}

/** What one leader has itself heard, and not heard, of hosts: gone with its process, and begun anew with every epoch. */
export interface Vigil {
  /** Notes at `nowMs`, by a monotonic clock, whether the host was silent when it was asked. Undefined: it was not. */
  hear(uid: string, asked: { readonly epoch: number; readonly silent: boolean; readonly nowMs: number }): Unheard | undefined;
  /** Whether the host has answered this leader after `sinceMs`. */
  answeredSince(uid: string, epoch: number, sinceMs: number): boolean;
  /** Notes that a silent host was proven off when `bootId` was the last boot seen. */
  proven(uid: string, bootId: string): void;
  /** Notes at `nowMs` what the host said of its lease to this leader. */
  renewed(uid: string, answer: Renewed): void;
  /** What it said last to this leader. */
  lastRenewal(uid: string, epoch: number): Renewed | undefined;
  forget(uid: string): void;
}

/** What a host said of its lease, to whom and when. */
export interface Renewed {
  readonly epoch: number;
  readonly lease: HostLease;
  /** All that what it offers may change with, in words. */
  readonly offeredBy: string;
  /** By the monotonic clock, once the answer was there. */
  readonly atMs: number;
}

type Heard = { readonly epoch: number; readonly answeredMs: number } | ({ readonly epoch: number } & Unheard);

/** A vigil that has heard of nobody yet. */
export function createVigil(): Vigil {
  const hosts = new Map<string, Heard>();
  const leases = new Map<string, Renewed>();
  return {
    hear(uid, { epoch, silent, nowMs }) {
      if (!silent) {
        hosts.set(uid, { epoch, answeredMs: nowMs });
        return undefined;
      }
      const before = hosts.get(uid);
      const unheard = before?.epoch === epoch && 'sinceMs' in before ? before : { epoch, sinceMs: nowMs };
      hosts.set(uid, unheard);
      return unheard;
    },
    answeredSince(uid, epoch, sinceMs) {
      const heard = hosts.get(uid);
      return heard?.epoch === epoch && 'answeredMs' in heard && heard.answeredMs > sinceMs;
    },
    proven(uid, bootId) {
      const heard = hosts.get(uid);
      if (heard !== undefined && 'sinceMs' in heard) hosts.set(uid, { ...heard, offBoot: bootId });
    },
    renewed: (uid, answer) => void leases.set(uid, answer),
    lastRenewal(uid, epoch) {
      const last = leases.get(uid);
      return last?.epoch === epoch ? last : undefined;
    },
    forget(uid) {
      hosts.delete(uid);
      leases.delete(uid);
    },
  };
}
