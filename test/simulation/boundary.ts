import { LEASE_MS, type SimCloud } from './cloud.ts';
import type { Trouble } from './run.ts';
import type { EventFate, Exchange, Fate, Fates } from './wire.ts';

/** One thing that goes wrong at one place of a story. */
export type Boundary =
  | { readonly do: 'crash'; readonly at: number; readonly when: (typeof CRASHES)[number] }
  /** The call to a driver arrives and is done when its caller has long given up: fences and tombstones are all that keeps it from harm. */
  | { readonly do: 'slow'; readonly at: number }
  /** The call to a driver, or its answer, is lost, and its caller lives. */
  | { readonly do: 'lost'; readonly at: number; readonly what: (typeof LOSSES)[number] }
  /** The watch that brings the event lags from there on. */
  | { readonly do: 'stale'; readonly at: number }
  /** The watch that brings the event breaks before it and comes back with a list, so that what happened meanwhile is never seen. */
  | { readonly do: 'unseen'; readonly at: number }
  /** The process stands still from its write or call on, and goes on with old ideas. */
  | { readonly do: 'pause'; readonly at: number; readonly leases: number };

/**
 * The places of a story, each with its moment in ms of the run: calls that change something, and events that reach a process and tell it
 * something (that a Lease was renewed and nothing else does not, nor a beat that is like the one before).
 */
export interface Places {
  readonly changes: readonly number[];
  /** Which of the changes are calls to drivers, and whether such a call may come late. */
  readonly calls: ReadonlyMap<number, boolean>;
  readonly events: readonly number[];
}

const LAG_MS = 30_000;
const UNSEEN_MS = 5_000;
/** When the caller dies; `late`: what it sent arrives when others have long gone on. */
const CRASHES = ['before', 'between', 'after', 'late'] as const;
const LATE_MS = 60_000;
/** Nothing but the deadline, which every driver obeys, keeps a stop from hitting what was started since by the same decision. */
const OBEYED = /^(?:machine\.stop|power\.)/;
const PAUSES = [0.7, 1.3, 2.5] as const;
const LOSSES = ['request', 'answer'] as const;

/** Everything that can go wrong at the places of a story, up to a moment after which nothing moves. */
export function boundariesOf({ changes, calls, events }: Places, untilMs: number): readonly Boundary[] {
  const each = (moments: readonly number[]): readonly number[] => moments.flatMap((ms, at) => (ms <= untilMs ? [at] : []));
  return [
    ...each(changes).flatMap((at) => CRASHES.map((when) => ({ do: 'crash' as const, at, when }))),
    // Of writes each has one of the three: that calls have no effect in the end is what matters most.
    ...each(changes).flatMap((at) =>
      PAUSES.filter((_, which) => calls.has(at) || which === at % PAUSES.length).map((leases) => ({ do: 'pause' as const, at, leases })),
    ),
    ...each(changes).flatMap((at) => (calls.has(at) ? LOSSES.map((what) => ({ do: 'lost' as const, at, what })) : [])),
    ...each(changes).flatMap((at) => (calls.get(at) === true ? [{ do: 'slow' as const, at }] : [])),
    ...each(events).flatMap((at) => [
      { do: 'stale' as const, at },
      { do: 'unseen' as const, at },
    ]),
  ];
}

/** A boundary in words: with the scenario and the seed it is all that a replay needs. */
export function nameOf(boundary: Boundary): string {
  if (boundary.do === 'crash') return `crash:${boundary.at}:${boundary.when}`;
  if (boundary.do === 'pause') return `pause:${boundary.at}:${boundary.leases}`;
  if (boundary.do === 'lost') return `lost:${boundary.at}:${boundary.what}`;
  return `${boundary.do}:${boundary.at}`;
}

/** The boundary of a name; throws where it is none. */
export function boundaryNamed(name: string): Boundary {
  const [what, at, more] = name.split(':');
  const place = Number(at);
  if (what === 'crash') {
    const when = CRASHES.find((one) => one === more);
    if (when !== undefined) return { do: what, at: place, when };
  } else if (what === 'lost') {
    const lost = LOSSES.find((one) => one === more);
    if (lost !== undefined) return { do: what, at: place, what: lost };
  } else if (what === 'pause') return { do: what, at: place, leases: Number(more) };
  else if (what === 'stale' || what === 'unseen' || what === 'slow') return { do: what, at: place };
  throw new Error(
    `${name} is no boundary: crash:N:before|between|after|late, pause:N:LEASES, lost:N:request|answer, slow:N, stale:N, unseen:N`,
  );
}

function fateAt(boundary: Boundary, { process }: Exchange, cloud: SimCloud): Fate {
  if (boundary.do === 'crash') return { crash: boundary.when, ...(boundary.when === 'late' && { thereMs: LATE_MS }) };
  if (boundary.do === 'lost') return { loses: boundary.what };
  if (boundary.do === 'slow') return { thereMs: LATE_MS, deaf: true };
  if (boundary.do !== 'pause') return {};
  process.pause();
  cloud.timeline.after(boundary.leases * LEASE_MS, () => {
    process.resume();
  });
  return {};
}

/** A watch that broke: it is told that its past is forgotten, and its next list is slow, each once. */
interface Broken {
  readonly process: string;
  readonly path: string;
  expires: boolean;
  slow: boolean;
}

/** The trouble of one boundary (none: places are only counted), and how many places have been passed. */
export function troubleAt(boundary: Boundary | undefined): Trouble & { readonly places: () => Places } {
  const changes: number[] = [];
  const calls = new Map<number, boolean>();
  const events: number[] = [];
  let broken: Broken | undefined;
  const known = new Map<string, string>();
  /** Whether a Lease is as it was but for its version and time, or a beat says what the one before said; the words of the event hold that. */
  const isRenewal = ({ process }: Exchange, what: string): boolean => {
    const [type = '', kind = '', name = '', holder = ''] = what.split(' ');
    if (type === 'BOOKMARK') return true;
    const key = `${process.name} ${type === 'BEAT' ? type : name}`;
    const told = type === 'BEAT' ? kind : holder;
    const same = (type === 'BEAT' || (type === 'MODIFIED' && kind === 'Lease')) && (known.get(key) ?? '') === told;
    if (type === 'BEAT' || kind === 'Lease') known.set(key, told);
    return same;
  };
  const about = ({ process, what }: Exchange, verb: string): boolean =>
    broken?.process === process.name && what === `${verb} ${broken.path}`;
  const fatesIn = (cloud: SimCloud): Fates => ({
    of(exchange) {
      if (broken?.slow === true && about(exchange, 'GET')) {
        broken.slow = false;
        return { thereMs: UNSEEN_MS };
      }
      if (!exchange.mutating) return {};
      if (exchange.to === 'driver') calls.set(changes.length, !OBEYED.test(exchange.what));
      changes.push(cloud.timeline.now());
      return boundary?.at === changes.length - 1 ? fateAt(boundary, exchange, cloud) : {};
    },
    ofEvent(exchange, what): EventFate {
      if (isRenewal(exchange, what)) return {};
      events.push(cloud.timeline.now());
      if (boundary?.at !== events.length - 1) return {};
      if (boundary.do === 'stale') return { lagMs: LAG_MS };
      if (boundary.do !== 'unseen') return {};
      broken = { process: exchange.process.name, path: exchange.what.replace('WATCH ', ''), expires: true, slow: true };
      return { breaks: 'forgotten' };
    },
    cut: () => false,
    forgot(exchange) {
      if (broken?.expires !== true || !about(exchange, 'WATCH')) return false;
      broken.expires = false;
      return true;
    },
  });
  return { begin: fatesIn, places: () => ({ changes, calls, events }) };
}
