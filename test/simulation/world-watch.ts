import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Lease } from '../../apis/coordination/v1/lease/kind.ts';
import type { SimDriver } from '../../drivers/sim/driver.ts';
import { hostDoc, type DiskDoc, type MachineDoc } from '../../drivers/sim/documents.ts';
import { settled } from '../../drivers/sim/machine-state.ts';
import type { Store, StoreWrite, WriteOutcome } from '../../server/store/store.ts';
import type { Effect } from './driver-link.ts';
import type { Trace } from './trace.ts';

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
  /** The same store, whose writes are seen. */
  seeing(store: Store): Store;
  witness(effect: Effect, run: () => Promise<unknown>): Promise<unknown>;
  /** Who holds the Lease of a shard. */
  leaderOf(shard: string): string;
  /** A process sends a mutating call to a driver: it must lead then. */
  sends(process: string, effect: Effect): void;
}

interface Seen {
  readonly running: boolean;
  readonly stopping: boolean;
  /** Uids of the disks that it runs with. */
  readonly holds: readonly string[];
}

/** The machines and disks of the world, by place and uid. */
interface Picture {
  readonly machines: ReadonlyMap<string, Seen>;
  /** The ids of the hosts that each is published to. */
  readonly disks: ReadonlyMap<string, readonly string[]>;
}

/** More driver calls than this in a simulated minute are a loop that nothing slows down. */
const MOST_CALLS = 2_000;
const MINUTE_MS = 60_000;
const LEASES = 'coordination.k8s.io/leases/';
const MACHINES = 'compute.lenticular.dev/virtualmachines/';

function pictureOf({ sim }: SimDriver): Picture {
  const nowMs = sim.clock.now();
  const machines = new Map<string, Seen>();
  for (const { place, uid, doc } of sim.world.all('machines')) {
    const { active, stop } = settled(doc as MachineDoc, hostDoc(sim.world, place) ?? {}, nowMs);
    const holds = active?.disks.map((disk) => disk.uid) ?? [];
    machines.set(`${place}/${uid}`, { running: active !== undefined, stopping: active !== undefined && stop !== undefined, holds });
  }
  return {
    machines,
    disks: new Map(sim.world.all('disks').map(({ place, doc }) => [`${place}/${(doc as DiskDoc).id}`, (doc as DiskDoc).publishedTo])),
  };
}

const uidIn = (key: string): string => key.slice(key.indexOf('/') + 1);

/** What a mutating call did to the world, as `create machine UID`. */
function changesBetween(before: Picture, after: Picture): readonly string[] {
  const made: string[] = [];
  for (const [key, { running, stopping }] of after.machines) {
    const was = before.machines.get(key);
    if (was === undefined) made.push(`create machine ${uidIn(key)}`);
    if (running && was?.running !== true) made.push(`start machine ${uidIn(key)}`);
    if (was?.running === true && ((stopping && !was.stopping) || (!running && !was.stopping))) made.push(`stop machine ${uidIn(key)}`);
  }
  for (const key of before.machines.keys()) if (!after.machines.has(key)) made.push(`delete machine ${uidIn(key)}`);
  for (const key of after.disks.keys()) if (!before.disks.has(key)) made.push(`create disk ${uidIn(key)}`);
  for (const key of before.disks.keys()) if (!after.disks.has(key)) made.push(`delete disk ${uidIn(key)}`);
  return made;
}

/** Disks that a machine runs with, and that its host cannot reach any more. */
function cutOff({ machines, disks }: Picture, hostIdOf: (place: string) => string): readonly string[] {
  const published = new Map([...disks].map(([key, hosts]) => [uidIn(key), hosts]));
  return [...machines].flatMap(([key, { holds }]) => {
    const hostId = hostIdOf(key.slice(0, key.indexOf('/')));
    return holds.filter((uid) => published.get(uid)?.includes(hostId) !== true).map((uid) => `${uidIn(key)} runs without its disk ${uid}`);
  });
}

/** What users declared of a VM, by generation, and what was last said of it. */
interface Declared {
  readonly specs: Map<number, VirtualMachine['spec']>;
  latest: VirtualMachine;
}

function mayStop(declared: Declared | undefined, generation: number): boolean {
  if (declared === undefined) return true;
  const { latest, specs } = declared;
  const spec = specs.get(generation);
  if (spec === undefined || latest.metadata.deletionTimestamp !== undefined || !spec.running) return true;
  return spec.restartToken !== (latest.status.restartToken ?? spec.restartToken);
}

export interface WorldWatchOptions {
  readonly sim: SimDriver;
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
  const declared = new Map<string, Declared>();
  const leases = new Map<string, string>();
  const usedBy = new Map<string, string>();
  let lastChange = { atMs: 0, what: 'nothing' };

  const violate = (sentence: string): void => {
    trace.add(`VIOLATION ${sentence}`);
    violations.push(`${now().toFixed(0)} ms: ${sentence}`);
  };
  const changed = (what: string): void => {
    lastChange = { atMs: now(), what };
  };
  const learn = (text: string): void => {
    const vm = JSON.parse(text) as VirtualMachine;
    const known = declared.get(vm.metadata.uid) ?? { specs: new Map<number, VirtualMachine['spec']>(), latest: vm };
    known.specs.set(vm.metadata.generation, vm.spec);
    known.latest = vm;
    declared.set(vm.metadata.uid, known);
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
    if (write.do !== 'remove' && write.key.startsWith(MACHINES)) learn(write.value);
  };
  const judge = (effect: Effect, before: Picture, after: Picture): void => {
    const { call, uid, context } = effect;
    const { shard, epoch, generation } = context.fence;
    const known = epochs.get(shard) ?? 0;
    const changes = changesBetween(before, after);
    if (epoch < known && changes.length > 0) violate(`${call} ${uid} of epoch ${epoch} had an effect after epoch ${known} of ${shard}`);
    epochs.set(shard, Math.max(known, epoch));
    for (const change of changes) {
      trace.add(`world: ${change}`);
      counts.set(change, (counts.get(change) ?? 0) + 1);
      if (change.startsWith('stop machine') && !mayStop(declared.get(uid), generation))
        violate(`${uid} was stopped, and nobody asked for it`);
    }
    for (const sentence of cutOff(after, (place) => hostDoc(sim.sim.world, place)?.hostId ?? '')) violate(sentence);
    const running = new Set<string>();
    for (const [key, seen] of after.machines) {
      if (!seen.running) continue;
      if (running.has(uidIn(key))) violate(`${uidIn(key)} runs twice`);
      running.add(uidIn(key));
    }
  };
  const rate = createRate(now, MOST_CALLS, violate);
  return {
    violations,
    counts,
    leaderOf: (shard) => leases.get(`shard-${shard}`) ?? '',
    sends(process, { call, uid, context }) {
      const { shard, epoch } = context.fence;
      const holder = leases.get(`shard-${shard}`);
      if (holder !== process) violate(`${process} sent ${call} ${uid} although ${holder ?? 'nobody'} leads ${shard}`);
      const key = `${shard} ${epoch}`;
      const user = usedBy.get(key) ?? process;
      usedBy.set(key, user);
      if (user !== process) violate(`${process} and ${user} both lead ${shard} at epoch ${epoch}`);
      rate(call);
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
      const before = pictureOf(sim);
      changed(`${effect.call} ${effect.uid}`);
      const answer = await run();
      judge(effect, before, pictureOf(sim));
      return answer;
    },
  };
}
