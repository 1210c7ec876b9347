import { clip, nameList } from '../../apis/meta/sentence.ts';
import type { Cause, PlacementRequest, Room } from './schedule-facts.ts';
import { filterOf, isUnsupported } from './schedule-filter.ts';
import { scoreOf } from './schedule-score.ts';

/** Where a VM goes, or why it goes nowhere. */
export interface Choice {
  /** Undefined: no host fits. */
  readonly host?: string;
  /** The decision in a sentence, rejected hosts counted by reason. */
  readonly message: string;
  /** The same with names of rejected hosts. */
  readonly detail: string;
  /** No host here can do what is declared, now or later. */
  readonly unsupported: boolean;
}

interface Tally {
  readonly cause: Cause;
  count: number;
  /** The first by name. */
  readonly names: string[];
}

const MOST_NAMES = 5;
const MOST_IN_MESSAGE = 600;
const MOST_IN_DETAIL = 1000;
const SUPERLATIVES = { Spread: 'the emptiest', Pack: 'the fullest', FirstFit: 'the first' } as const;

/** `2 have too little memory, 1 is cordoned`; with names, `2 have too little memory (a and b), 1 is cordoned (c)`. */
function reasonsOf(tallies: readonly Tally[], named: boolean): string {
  return [...tallies]
    .sort((one, other) => other.count - one.count || (one.cause.one < other.cause.one ? -1 : 1))
    .map(({ cause, count, names }) => {
      const shown = count > names.length ? [...names, `${count - names.length} more`] : names;
      return `${count} ${count === 1 ? cause.one : cause.many}${named ? ` (${nameList(shown, MOST_NAMES + 1)})` : ''}`;
    })
    .join(', ');
}

/** `0 of 3 hosts fit: 2 have too little memory, 1 is cordoned`. */
function refusal(tallies: readonly Tally[], total: number, named: boolean): string {
  if (total === 0) return 'there are no hosts';
  return `0 of ${total} ${total === 1 ? 'host fits' : 'hosts fit'}: ${reasonsOf(tallies, named)}`;
}

/** `on Host a, the emptiest of 4 that fit; 8 do not: 5 have too little memory, 3 are cordoned`. */
function decision(host: string, superlative: string, fitting: number, tallies: readonly Tally[], named: boolean): string {
  const others = tallies.reduce((sum, { count }) => sum + count, 0);
  const among = fitting === 1 ? 'the only one that fits' : `${superlative} of ${fitting} that fit`;
  return `on Host ${host}, ${among}${others === 0 ? '' : `; ${others} ${others === 1 ? 'does' : 'do'} not: ${reasonsOf(tallies, named)}`}`;
}

/** Counts hosts by why they do not fit. */
function createTallies(): { readonly all: () => readonly Tally[]; tell(cause: Cause, name: string): void } {
  const tallies = new Map<string, Tally>();
  let last: Tally | undefined;
  return {
    all: () => [...tallies.values()],
    tell(cause, name) {
      const known = last?.cause === cause ? last : tallies.get(cause.one);
      const tally = known ?? { cause, count: 0, names: [] };
      if (known === undefined) tallies.set(cause.one, tally);
      tally.count += 1;
      if (tally.names.length < MOST_NAMES) tally.names.push(name);
      last = tally;
    },
  };
}

/** Chooses the host of a VM: those that fit, the best by strategy, ties by name. Pure: the same room gives the same host. */
export function schedule(request: PlacementRequest, room: Room): Choice {
  const { hosts } = room;
  const neighbours = room.neighboursOf(request);
  const causeOf = filterOf(request, room, neighbours);
  const { broken, rank } = scoreOf(request, room, neighbours);
  const tallies = createTallies();
  const best = { name: '', broken: Infinity, rank: Infinity };
  let fitting = 0;
  for (let index = 0; index < hosts.length; index += 1) {
    const cause = causeOf(index);
    if (cause !== undefined) {
      tallies.tell(cause, hosts[index]?.name ?? '');
      continue;
    }
    fitting += 1;
    const breaks = broken(index);
    if (breaks > best.broken) continue;
    const ranked = rank(index);
    if (breaks === best.broken && ranked >= best.rank) continue;
    best.name = hosts[index]?.name ?? '';
    best.broken = breaks;
    best.rank = ranked;
  }
  return choiceOf(request, best.name, { fitting, total: hosts.length, tallies: tallies.all() });
}

function choiceOf(
  { placement }: PlacementRequest,
  host: string,
  { fitting, total, tallies }: { readonly fitting: number; readonly total: number; readonly tallies: readonly Tally[] },
): Choice {
  const texts = (say: (named: boolean) => string) => ({
    message: clip(say(false), MOST_IN_MESSAGE),
    detail: clip(say(true), MOST_IN_DETAIL),
  });
  if (fitting > 0)
    return { host, ...texts((named) => decision(host, SUPERLATIVES[placement.strategy], fitting, tallies, named)), unsupported: false };
  const unsupported = tallies.length > 0 && tallies.every(({ cause }) => isUnsupported(cause));
  return { ...texts((named) => refusal(tallies, total, named)), unsupported };
}
