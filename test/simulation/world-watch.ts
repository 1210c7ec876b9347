import type { Lease } from '../../apis/coordination/v1/lease/kind.ts';
import type { SimDriver } from '../../drivers/sim/driver.ts';
import type { Store, StoreWrite, WriteOutcome } from '../../server/store/store.ts';
import { createDeclared } from './declared.ts';
import type { Effect } from './driver-link.ts';
import { changesBetween, pictureOf, type Picture } from './picture.ts';
import type { Trace } from './trace.ts';
import { wrongsOf } from './verdicts.ts';

/** What is always looked at while a run goes on. */
export interface WorldWatch {
  /** Sentences about what must never happen and did. */
  readonly violations: string[];
  /** `create machine UID` and the like: how often each effect was had. */
  readonly counts: ReadonlyMap<string, number>;
  /** When something but a Lease was last written, or a driver last told to change something; ms of the run. */
  readonly lastChangeMs: number;
  /** What that was. */
  readonly lastChange: string;
  /** Resolves when the next object of this name is written or removed. */
  written(name: string): Promise<void>;
  /** The same store, whose writes are seen. */
  seeing(store: Store): Store;
  witness(effect: Effect, run: () => Promise<unknown>): Promise<unknown>;
  /** Who holds the Lease of a shard. */
  leaderOf(shard: string): string;
  /** A process sends a mutating call to a driver: it must lead then, and ask for one thing of a machine at a time; told when that has been answered. */
  sends(effect: Effect): () => void;
  /** A process looks at the machine of a VM: what it decides of it then, it decides by what there is from now on. */
  looks(process: string, uid: string): void;
}

/** More driver calls than this in a simulated minute are a loop that nothing slows down. */
const MOST_CALLS = 2_000;
const MINUTE_MS = 60_000;
const LEASES = 'coordination.k8s.io/leases/';

export interface WorldWatchOptions {
  /** The driver that serves now. */
  readonly sim: () => SimDriver;
  readonly now: () => number;
  readonly trace: Trace;
}

/** Counts what happens in each minute; tells of one in which it was too often. */
function createRate(now: () => number, most: number, tell: (sentence: string) => void): (what: string) => void {
  let minute = 0;
  let count = 0;
  return (what) => {
    const current = Math.floor(now() / MINUTE_MS);
    count = current === minute ? count + 1 : 1;
    minute = current;
    if (count === most) tell(`${most} driver calls in a minute, the last of them ${what}`);
  };
}

/** Looks at every write and every effect. */
export function watchOver({ sim, now, trace }: WorldWatchOptions): WorldWatch {
  const violations: string[] = [];
  const counts = new Map<string, number>();
  const epochs = new Map<string, number>();
  const declared = createDeclared();
  const leases = new Map<string, string>();
  const usedBy = new Map<string, string>();
  /** The shard in which each machine and disk is decided about: nothing moves from one zone to another. */
  const decidedIn = new Map<string, string>();
  /** Calls about machines, by process, session and machine. */
  const underWay = new Map<string, string>();
  /** When each process last began to look at each machine, and had, when it sent a call. */
  const looked = new Map<string, number>();
  const lookedBefore = new WeakMap<Effect, number>();
  const readers = new Map<string, (() => void)[]>();
  let lastChange = { atMs: 0, what: 'nothing' };

  const violate = (sentence: string): void => {
    trace.add(`VIOLATION ${sentence}`);
    violations.push(`${now().toFixed(0)} ms: ${sentence}`);
  };
  const answers = (host: string): boolean =>
    !sim()
      .faults.list()
      .some(({ endpoint }) => endpoint === host);
  const changed = (what: string): void => {
    lastChange = { atMs: now(), what };
  };
  const wrote = (write: StoreWrite, outcome: WriteOutcome): void => {
    if (!outcome.ok || write.do === 'compare') return;
    if (write.key.startsWith(LEASES)) {
      if (write.do === 'remove') return;
      const { metadata, spec } = JSON.parse(write.value) as Lease;
      leases.set(metadata.name, spec.holderIdentity ?? '');
      return;
    }
    changed(`${write.do} ${write.key}`);
    const name = write.key.slice(write.key.lastIndexOf('/') + 1);
    for (const wake of readers.get(name) ?? []) wake();
    readers.delete(name);
    if (write.do !== 'remove') declared.learn(write, now());
  };
  const judge = (effect: Effect, before: Picture, after: Picture): void => {
    const { call, uid, context } = effect;
    const { shard, epoch, generation } = context.fence;
    const known = epochs.get(shard) ?? 0;
    const changes = changesBetween(before, after);
    if (epoch < known && changes.length > 0) violate(`${call} ${uid} of epoch ${epoch} had an effect after epoch ${known} of ${shard}`);
    epochs.set(shard, Math.max(known, epoch));
    for (const change of changes) {
      const said = `${change.do} ${change.what} ${change.uid}`;
      trace.add(`world: ${said}`);
      counts.set(said, (counts.get(said) ?? 0) + 1);
    }
    for (const sentence of wrongsOf(changes, {
      declared,
      before,
      after,
      generation,
      answers,
      lookedMs: lookedBefore.get(effect) ?? now(),
    }))
      violate(sentence);
  };
  const rate = createRate(now, MOST_CALLS, violate);
  return {
    violations,
    counts,
    written: (name) => new Promise((resolve) => readers.set(name, [...(readers.get(name) ?? []), resolve])),
    leaderOf: (shard) => leases.get(`shard-${shard}`) ?? '',
    looks(process, uid) {
      looked.set(`${process} ${uid}`, now());
    },
    sends(effect) {
      const { call, uid, context, process } = effect;
      const { shard, epoch } = context.fence;
      lookedBefore.set(effect, looked.get(`${process} ${uid}`) ?? now());
      const holder = leases.get(`shard-${shard}`);
      if (holder !== process) violate(`${process} sent ${call} ${uid} although ${holder ?? 'nobody'} leads ${shard}`);
      const key = `${shard} ${epoch}`;
      const user = usedBy.get(key) ?? process;
      usedBy.set(key, user);
      if (user !== process) violate(`${process} and ${user} both lead ${shard} at epoch ${epoch}`);
      const decided = decidedIn.get(uid) ?? shard;
      if (uid !== '') decidedIn.set(uid, shard);
      if (decided !== shard) violate(`${uid} is decided about in ${decided} and in ${shard}`);
      rate(call);
      if (!call.startsWith('machine.')) return () => undefined;
      const work = `${process} ${context.session} ${uid}`;
      const other = underWay.get(work);
      if (other !== undefined) violate(`${process} sent ${call} ${uid} while its ${other} was under way`);
      underWay.set(work, call);
      return () => underWay.delete(work);
    },
    get lastChangeMs() {
      return lastChange.atMs;
    },
    get lastChange() {
      return lastChange.what;
    },
    seeing: (store) => ({
      identity: store.identity,
      get: (key, signal) => store.get(key, signal),
      list: (prefix, signal) => store.list(prefix, signal),
      recall: (changes, signal) => store.recall(changes, signal),
      revision: (signal) => store.revision(signal),
      watch: (prefix, after, signal) => store.watch(prefix, after, signal),
      compact: (upTo, signal) => store.compact(upTo, signal),
      close: () => store.close(),
      async write(write, signal) {
        const outcome = await store.write(write, signal);
        wrote(write, outcome);
        return outcome;
      },
    }),
    async witness(effect, run) {
      const before = pictureOf(sim());
      changed(`${effect.call} ${effect.uid}`);
      const answer = await run();
      judge(effect, before, pictureOf(sim()));
      return answer;
    },
  };
}
