import { CATEGORIES } from '../../drivers/contract/driver.ts';
import { createBudget } from './budget.ts';
import { createSwitchboard, serviceKey, type Endpoint, type Known, type ServiceView, type SwitchboardOptions } from './switchboard.ts';
import { createVisit, type Visit, type Visitor } from './visit.ts';

/** A round that wants to begin. */
export type Comer = Pick<Visitor, 'who' | 'priority' | 'pause' | 'resume'>;

/** The devices of a shard: who may call them now. */
export interface Devices {
  /** Begins a round at its endpoint; undefined where as many rounds as it takes are under way: the object is told when it may. */
  visit(endpoint: Endpoint | undefined, comer: Comer): Visit | undefined;
  /** The object neither waits nor needs what is kept for it. */
  leave(who: string): void;
  /** The same for all objects of a kind. */
  leaveAll(kind: string): void;
  /** There is news of an endpoint, or (empty) of all: what does not answer may be tried again at once. */
  hurry(uid: string): void;
  /** Forgets an endpoint that is gone. */
  forget(uid: string): void;
  /** What is called now or does not answer. */
  view(): readonly ServiceView[];
}

/** So many rounds may wait for calls of one device and let others begin; the next ones keep their places. */
const MOST_ASIDE = 64;

/** What the services of an endpoint are known by. */
const keysOf = (uid: string): readonly string[] => CATEGORIES.map((category) => serviceKey({ category, uid }));

/** All devices answer, and none is called. */
export function createDevices(options: SwitchboardOptions): Devices {
  const rounds = createBudget(options.wake);
  const known = new Map<string, Known>();
  const board = createSwitchboard(known, options);
  const aside = new Map<string, number>();

  /** The place of a round at its endpoint, which it gives back when it ends, or earlier, when it waits for its turn to call. */
  function placeOf({ uid }: Endpoint): { stepAside(): void; leave(): void } {
    let standsAside = false;
    const countAside = (): number => aside.get(uid) ?? 0;
    return {
      stepAside() {
        if (standsAside || countAside() >= MOST_ASIDE) return;
        standsAside = true;
        aside.set(uid, countAside() + 1);
        rounds.give(uid);
      },
      leave() {
        if (!standsAside) rounds.give(uid);
        else if (countAside() === 1) aside.delete(uid);
        else aside.set(uid, countAside() - 1);
      },
    };
  }

  return {
    visit(endpoint, comer) {
      const { who, priority } = comer;
      if (endpoint === undefined) {
        rounds.leave(who);
        return createVisit(board, { ...comer, stepAside: () => undefined, leave: () => undefined });
      }
      if (!rounds.take(endpoint.uid, { key: who, priority, limit: endpoint.limits.inFlight })) return undefined;
      return createVisit(board, { ...comer, ...placeOf(endpoint) });
    },
    leave: (who) => {
      rounds.leave(who);
    },
    leaveAll: (kind) => {
      rounds.leaveAll(`${kind} `);
    },
    hurry(uid) {
      const meant = uid === '' ? known.values() : keysOf(uid).flatMap((key) => known.get(key) ?? []);
      for (const { breaker } of meant) breaker.hurry();
    },
    forget(uid) {
      for (const key of keysOf(uid)) known.delete(key);
    },
    view: () =>
      [...known].map(([key, { service, breaker }]) => ({
        ...breaker.view(),
        category: service.category,
        label: service.label,
        inFlight: board.gate.insideOf(key),
      })),
  };
}
