import type { Entry } from './entry.ts';
import { fieldToken, labelToken } from './selection.ts';

/** Entries by the values of their labels and selectable fields. */
export interface EntryIndex {
  add(entry: Entry): void;
  remove(entry: Entry): void;
  /** How many entries meet a condition. */
  count(token: string): number;
  /** The entries that meet a condition, in any order. */
  find(token: string): readonly Entry[];
}

function tokensFor({ labels = {}, fields }: Entry): readonly string[] {
  const tokens = Object.entries(labels).map(([key, value]) => labelToken(key, value));
  fields.forEach((value, at) => {
    if (value !== '') tokens.push(fieldToken(at, value));
  });
  return tokens;
}

/** An empty index. */
export function createEntryIndex(): EntryIndex {
  // Most values are those of one object only: a set for each of them would cost more than the objects.
  const known = new Map<string, Entry | Set<Entry>>();
  return {
    add(entry) {
      for (const token of tokensFor(entry)) {
        const there = known.get(token);
        if (there === undefined) known.set(token, entry);
        else if (there instanceof Set) there.add(entry);
        else known.set(token, new Set([there, entry]));
      }
    },
    remove(entry) {
      for (const token of tokensFor(entry)) {
        const there = known.get(token);
        if (there instanceof Set) {
          there.delete(entry);
          if (there.size === 0) known.delete(token);
        } else if (there === entry) known.delete(token);
      }
    },
    count(token) {
      const there = known.get(token);
      return there instanceof Set ? there.size : there === undefined ? 0 : 1;
    },
    find(token) {
      const there = known.get(token);
      if (there === undefined) return [];
      return there instanceof Set ? [...there] : [there];
    },
  };
}
