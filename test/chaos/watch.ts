import type { Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { isAborted } from '../../apis/meta/aborted.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { effectsAfter, type Effect } from '../../drivers/sim/journal.ts';
import { WRITES_PER_REVISION, type StoreEvent } from '../../server/store/store.ts';
import { realClock } from '../programs/clock.ts';
import type { ChaosCloud } from './cloud.ts';
import { createJudge, type Judge } from './judge.ts';

/** What the store and the worlds are seen to do, while they do it. */
export interface Watch {
  readonly judge: Judge;
  /** Writes to the store, but of Leases. */
  writes(): number;
  /** The latest of them, oldest first, as `put KEY`. */
  latestWrites(): readonly string[];
  /** Objects as they are stored now. */
  objects(): readonly ApiObject[];
  /** Who holds a Lease, by the Lease's name; nobody: empty. */
  holderOf(lease: string): string;
  /** How often the holder of a shard changed. */
  terms(): number;
  /** Resolves when everything that has happened until now is judged. */
  caughtUp(signal: AbortSignal): Promise<void>;
  /** Rejects where the store or a world could not be watched. */
  readonly ended: Promise<void>;
}

const LEASES = 'coordination.k8s.io/leases/';
const EVENTS = 'core/events/';
/** Not an object of the API: see server/registry/freshness.ts. */
const NUDGES = 'progress/';
const JUDGED = ['compute.lenticular.dev/virtualmachines/', 'storage.lenticular.dev/volumes/'];
/** Effects are judged so much later, when no older one of another world can come any more. */
const LAG_MS = 500;
const LOOK_MS = 200;
const HEARD_MS = 20;
const AT_ONCE = 5_000;
const KEPT = 20;

interface Stored {
  readonly objects: Map<string, ApiObject>;
  readonly leases: Map<string, Lease>;
  readonly latest: string[];
  writes: number;
  terms: number;
}

function noteLease(stored: Stored, event: StoreEvent): void {
  if (event.type !== 'put') {
    stored.leases.delete(event.key);
    return;
  }
  const lease = JSON.parse(event.object.value) as Lease;
  const before = stored.leases.get(event.object.key);
  const holder = lease.spec.holderIdentity ?? '';
  if (lease.metadata.name.startsWith('shard-') && holder !== '' && holder !== (before?.spec.holderIdentity ?? '')) stored.terms += 1;
  stored.leases.set(event.object.key, lease);
}

function note(stored: Stored, judge: Judge, event: StoreEvent): void {
  const key = event.type === 'put' ? event.object.key : event.key;
  if (key.startsWith(LEASES)) {
    noteLease(stored, event);
    return;
  }
  if (key.startsWith(NUDGES)) return;
  // An hour after they were told, Events go.
  if (event.type !== 'put' && key.startsWith(EVENTS)) return;
  stored.writes += 1;
  stored.latest.push(`${event.type} ${key}`);
  if (stored.latest.length > KEPT) stored.latest.shift();
  const judged = JUDGED.some((prefix) => key.startsWith(prefix));
  if (event.type === 'put') {
    const object = JSON.parse(event.object.value) as ApiObject;
    stored.objects.set(key, object);
    if (judged) judge.learn(object);
  } else {
    const gone = stored.objects.get(key);
    stored.objects.delete(key);
    if (judged && gone !== undefined) judge.forget(gone.metadata.uid);
  }
}

/** Watches a cloud of which nothing has happened yet, until the signal aborts. */
export async function watchCloud({ store, drivers }: ChaosCloud, signal: AbortSignal): Promise<Watch> {
  const judge = createJudge();
  const stored: Stored = { objects: new Map(), leases: new Map(), latest: [], writes: 0, terms: 0 };
  const first = await store.list('', signal);
  for (const object of first.objects) note(stored, judge, { type: 'put', object });
  const heard = new Map<string, number>();
  let judgedMs = 0;
  let version = first.resourceVersion;

  async function follow(): Promise<void> {
    for await (const events of store.watch('', version, signal)) {
      for (const event of events) {
        note(stored, judge, event);
        version = event.type === 'put' ? event.object.resourceVersion : event.resourceVersion;
      }
    }
  }
  /** Judges what happened until a moment; everything that was stored by then has been heard. */
  function look(untilMs: number): void {
    const fresh: { readonly zone: string; readonly effect: Effect }[] = [];
    let all = true;
    for (const { zone, world } of drivers) {
      const effects = effectsAfter(world, heard.get(zone) ?? 0, AT_ONCE);
      all &&= effects.length < AT_ONCE;
      for (const effect of effects.filter(({ atMs }) => atMs <= untilMs)) {
        heard.set(zone, effect.seq);
        fresh.push({ zone, effect });
      }
    }
    for (const { zone, effect } of fresh.toSorted((one, other) => one.effect.atMs - other.effect.atMs)) judge.see(zone, effect);
    if (all) judgedMs = untilMs;
  }
  async function lookOften(): Promise<void> {
    while (!isAborted(signal)) {
      const nowMs = realClock.now();
      const stands = await store.revision(signal);
      while (version / WRITES_PER_REVISION < stands / WRITES_PER_REVISION) await realClock.sleep(HEARD_MS, signal);
      look(nowMs - LAG_MS);
      await realClock.sleep(LOOK_MS, signal);
    }
  }
  const ended = Promise.all([follow(), lookOften()]).then(
    () => undefined,
    (error: unknown) => {
      if (!isAborted(signal)) throw error;
    },
  );
  // Whoever runs it hears of it at the end.
  ended.catch(() => undefined);
  return {
    judge,
    ended,
    writes: () => stored.writes,
    latestWrites: () => [...stored.latest],
    objects: () => [...stored.objects.values()].filter((object) => 'kind' in object),
    holderOf: (name) => [...stored.leases.values()].find(({ metadata }) => metadata.name === name)?.spec.holderIdentity ?? '',
    terms: () => stored.terms,
    async caughtUp(until) {
      const nowMs = realClock.now();
      while (judgedMs < nowMs) await realClock.sleep(LOOK_MS, until);
    },
  };
}
