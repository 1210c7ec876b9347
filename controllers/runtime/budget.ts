import type { Priority } from './queue.ts';

/** Who wants a place. */
export interface Claimant {
  readonly key: string;
  readonly priority: Priority;
  /** How many places there are, as of now. */
  readonly limit: number;
}

/** Places by name: so many at once each. What finds none free waits in line, by priority and then by when it came. */
export interface Budget {
  /** Takes a place for a key, or (false) none is free: when one is, it is kept for the key that is first in line, and that key is told. */
  take(place: string, claimant: Claimant): boolean;
  /** Gives back a place that was taken. */
  give(place: string): void;
  /** The key neither waits for a place nor needs the one that is kept for it. */
  leave(key: string): void;
  /** The same for all keys that begin so. */
  leaveAll(prefix: string): void;
  /** How many of these places are taken. */
  takenOf(place: string): number;
}

interface Place {
  limit: number;
  taken: number;
  /** Keys in line, by priority; most places never have one. */
  readonly lines: (Set<string> | undefined)[];
}

interface Claim {
  readonly place: string;
  readonly priority: Priority;
  readonly kept: boolean;
}

/** The key that is first in line. */
function firstOf({ lines }: Place): { readonly key: string; readonly priority: Priority } | undefined {
  for (const [priority, line] of lines.entries()) {
    const [key] = line ?? [];
    if (key !== undefined) return { key, priority: priority as Priority };
  }
  return undefined;
}

/** The places, and who waits for them or has them kept. */
interface Books {
  readonly places: Map<string, Place>;
  readonly claims: Map<string, Claim>;
  readonly freed: (key: string, priority: Priority) => void;
}

function placeOf({ places }: Books, name: string, limit: number): Place {
  const place = places.get(name) ?? { limit, taken: 0, lines: [] };
  place.limit = limit;
  places.set(name, place);
  return place;
}

/** Keeps what is free for those who wait. */
function serve({ places, claims, freed }: Books, name: string, place: Place): void {
  for (let next = firstOf(place); next !== undefined && place.taken < place.limit; next = firstOf(place)) {
    place.lines[next.priority]?.delete(next.key);
    place.taken += 1;
    claims.set(next.key, { place: name, priority: next.priority, kept: true });
    freed(next.key, next.priority);
  }
  if (place.taken === 0 && firstOf(place) === undefined) places.delete(name);
}

function give(books: Books, name: string): void {
  const place = books.places.get(name);
  if (place === undefined) return;
  place.taken -= 1;
  serve(books, name, place);
}

function leave(books: Books, key: string): void {
  const claim = books.claims.get(key);
  if (claim === undefined) return;
  books.claims.delete(key);
  if (claim.kept) give(books, claim.place);
  else {
    const place = books.places.get(claim.place);
    place?.lines[claim.priority]?.delete(key);
    if (place !== undefined) serve(books, claim.place, place);
  }
}

function take(books: Books, name: string, { key, priority, limit }: Claimant): boolean {
  const { places, claims } = books;
  const claim = claims.get(key);
  if (claim?.place === name && (claim.kept || claim.priority <= priority)) {
    serve(books, name, placeOf(books, name, limit));
    return claims.get(key)?.kept === true && claims.delete(key);
  }
  leave(books, key);
  const place = placeOf(books, name, limit);
  serve(books, name, place);
  if (place.taken < limit) {
    // Serving may have let an empty place go.
    places.set(name, place);
    place.taken += 1;
    return true;
  }
  (place.lines[priority] ??= new Set()).add(key);
  claims.set(key, { place: name, priority, kept: false });
  return false;
}

/** `freed` is called with the key that a place is kept for, and the priority that it waited with. */
export function createBudget(freed: Books['freed']): Budget {
  const books: Books = { places: new Map(), claims: new Map(), freed };
  return {
    take: (name, claimant) => take(books, name, claimant),
    give: (name) => {
      give(books, name);
    },
    leave: (key) => {
      leave(books, key);
    },
    leaveAll(prefix) {
      for (const key of [...books.claims.keys()]) if (key.startsWith(prefix)) leave(books, key);
    },
    takenOf: (name) => books.places.get(name)?.taken ?? 0,
  };
}
