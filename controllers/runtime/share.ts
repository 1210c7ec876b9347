/** Who leads what, as one process sees it. */
export interface Spread {
  readonly me: string;
  /** Processes that live, with this one. */
  readonly members: readonly string[];
  /** Holders of the shards that there are; a shard that nobody holds has none. */
  readonly holders: ReadonlyMap<string, string>;
}

function countsOf({ members, holders }: Spread): ReadonlyMap<string, number> {
  const counts = new Map(members.map((member) => [member, 0]));
  for (const holder of holders.values()) {
    const count = counts.get(holder);
    if (count !== undefined) counts.set(holder, count + 1);
  }
  return counts;
}

/** How many shards each process leads at most, where they are spread evenly. */
export function fairShare(shards: number, members: number): number {
  return Math.ceil(shards / Math.max(1, members));
}

/**
 * The shard that this process hands to another, so that they lead about as many each; undefined: none. Only what makes the spread more even is
 * handed over, so that it comes to an end.
 */
export function handover(spread: Spread): { readonly shard: string; readonly to: string } | undefined {
  const counts = countsOf(spread);
  const own = counts.get(spread.me) ?? 0;
  const [least] = [...counts].sort(([one, few], [other, many]) => few - many || (one < other ? -1 : 1));
  if (least === undefined || own - least[1] < 2) return undefined;
  const shards = [...spread.holders].filter(([, holder]) => holder === spread.me).map(([shard]) => shard);
  const shard = shards.sort().at(-1);
  return shard === undefined ? undefined : { shard, to: least[0] };
}
