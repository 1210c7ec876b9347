/** What one leader has itself heard, and not heard, of hosts: gone with its process, and begun anew with every epoch. */
export interface Vigil {
  /** Notes at `nowMs`, by a monotonic clock, whether the host was silent when it was asked; returns for how long it has been, to this leader. */
  hear(
    uid: string,
    asked: { readonly epoch: number; readonly silent: boolean; readonly nowMs: number },
  ): { readonly witnessedMs: number; readonly offBoot?: string } | undefined;
  /** Notes that the host was proven off when `bootId` was the last boot seen. */
  proven(uid: string, bootId: string): void;
  forget(uid: string): void;
}

interface Watched {
  readonly epoch: number;
  readonly sinceMs: number;
  offBoot?: string;
}

/** A vigil that has heard nothing yet; it remembers silent hosts only. */
export function createVigil(): Vigil {
  const silent = new Map<string, Watched>();
  return {
    hear(uid, asked) {
      if (!asked.silent) {
        silent.delete(uid);
        return undefined;
      }
      const before = silent.get(uid);
      const watched = before?.epoch === asked.epoch ? before : { epoch: asked.epoch, sinceMs: asked.nowMs };
      silent.set(uid, watched);
      const { sinceMs, offBoot } = watched;
      return { witnessedMs: asked.nowMs - sinceMs, ...(offBoot !== undefined && { offBoot }) };
    },
    proven(uid, bootId) {
      const watched = silent.get(uid);
      if (watched !== undefined) watched.offBoot = bootId;
    },
    forget(uid) {
      silent.delete(uid);
    },
  };
}
