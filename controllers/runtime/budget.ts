/** Places for calls to device endpoints: so many at once each, taken before a worker. */
export interface Budget {
  /** Takes a place, or (false) none is free: `freed` is then called with the key when one is. */
  take(endpoint: string, key: string): boolean;
  give(endpoint: string): void;
}

/** At most `limit` places an endpoint. */
export function createBudget(limit: number, freed: (key: string) => void): Budget {
  const taken = new Map<string, number>();
  const waiting = new Map<string, Set<string>>();
  return {
    take(endpoint, key) {
      const count = taken.get(endpoint) ?? 0;
      if (count < limit) {
        taken.set(endpoint, count + 1);
        return true;
      }
      const keys = waiting.get(endpoint) ?? new Set();
      waiting.set(endpoint, keys.add(key));
      return false;
    },
    give(endpoint) {
      const count = (taken.get(endpoint) ?? 1) - 1;
      if (count === 0) taken.delete(endpoint);
      else taken.set(endpoint, count);
      const [next] = waiting.get(endpoint) ?? [];
      if (next === undefined) return;
      waiting.get(endpoint)?.delete(next);
      if (waiting.get(endpoint)?.size === 0) waiting.delete(endpoint);
      freed(next);
    },
  };
}
