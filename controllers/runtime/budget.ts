/** Places for calls to device endpoints: so many at once each, taken before a worker. */
export interface Budget {
  /** Takes a place for a key, or (false) none is free: when one is, it is kept for the key that waits longest, and that key is told. */
  take(endpoint: string, key: string): boolean;
  /** Gives back a place that was taken. */
  give(endpoint: string): void;
  /** The key neither waits for a place nor needs the one that is kept for it. */
  leave(key: string): void;
}

interface Claim {
  readonly endpoint: string;
  readonly kept: boolean;
}

/** At most `limit` places an endpoint; `freed` is called with the key that a place is kept for. */
export function createBudget(limit: number, freed: (key: string) => void): Budget {
  const taken = new Map<string, number>();
  const waiting = new Map<string, Set<string>>();
  const claims = new Map<string, Claim>();

  function stopWaiting(endpoint: string, key: string): void {
    const keys = waiting.get(endpoint);
    keys?.delete(key);
    if (keys?.size === 0) waiting.delete(endpoint);
  }

  function give(endpoint: string): void {
    const [next] = waiting.get(endpoint) ?? [];
    if (next === undefined) {
      const count = (taken.get(endpoint) ?? 1) - 1;
      if (count === 0) taken.delete(endpoint);
      else taken.set(endpoint, count);
      return;
    }
    stopWaiting(endpoint, next);
    claims.set(next, { endpoint, kept: true });
    freed(next);
  }

  function leave(key: string): void {
    const claim = claims.get(key);
    if (claim === undefined) return;
    claims.delete(key);
    if (claim.kept) give(claim.endpoint);
    else stopWaiting(claim.endpoint, key);
  }

  return {
    take(endpoint, key) {
      const claim = claims.get(key);
      if (claim?.endpoint === endpoint) {
        if (!claim.kept) return false;
        claims.delete(key);
        return true;
      }
      leave(key);
      const count = taken.get(endpoint) ?? 0;
      if (count < limit) {
        taken.set(endpoint, count + 1);
        return true;
      }
      waiting.set(endpoint, (waiting.get(endpoint) ?? new Set()).add(key));
      claims.set(key, { endpoint, kept: false });
      return false;
    },
    give,
    leave,
  };
}
