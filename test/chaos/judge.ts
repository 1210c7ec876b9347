import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { MachineDoc } from '../../drivers/sim/documents.ts';
import type { Effect } from '../../drivers/sim/journal.ts';
import { settled } from '../../drivers/sim/machine-state.ts';

/** Something that must never happen, and did. */
export interface Violation {
  readonly atMs: number;
  /** Uid of the machine or disk, or the name of the shard. */
  readonly uid: string;
  readonly says: string;
}

/** Judges what is written in the journals of worlds by what was written in the store. */
export interface Judge {
  readonly violations: readonly Violation[];
  /** How many effects were judged, by what they did: `start`, `stop`, `delete disk`. */
  readonly counts: ReadonlyMap<string, number>;
  /** An object as it was stored, in the order of the store. */
  learn(object: ApiObject): void;
  /** An object is gone from the store. */
  forget(uid: string): void;
  /** The next effect of a world, no older than any that was seen before; what its call was decided by has been learnt. */
  see(world: string, effect: Effect): void;
}

/** What was ever declared of an object. */
interface Declared {
  readonly specs: Map<number, VirtualMachine['spec']>;
  leaving: boolean;
  gone: boolean;
}

/** A machine as the journal last told of it. */
interface Known {
  readonly doc: MachineDoc;
  /** Of the call that started it. */
  readonly startedBy: number | undefined;
}

interface Moment {
  readonly running: boolean;
  readonly stopping: boolean;
}

const ABSENT: Moment = { running: false, stopping: false };

/** No host of the chaos has a lease. */
const UNLEASED = {};

function momentOf(doc: MachineDoc | undefined, atMs: number): Moment {
  if (doc === undefined) return ABSENT;
  const { active, stop } = settled(doc, UNLEASED, atMs);
  return { running: active !== undefined, stopping: active !== undefined && stop !== undefined };
}

/** Whether the user asked for a stop: with what was declared in the generation that the call was decided by, or by deleting. */
function askedToStop(declared: Declared | undefined, generation: number | undefined, startedBy: number | undefined): boolean {
  if (declared === undefined) return false;
  if (declared.leaving || declared.gone) return true;
  const spec = declared.specs.get(generation ?? -1);
  if (spec === undefined) return false;
  return !spec.running || spec.restartToken !== declared.specs.get(startedBy ?? -1)?.restartToken;
}

/** A judge who has seen nothing yet. */
export function createJudge(): Judge {
  const violations: Violation[] = [];
  const counts = new Map<string, number>();
  const declared = new Map<string, Declared>();
  const epochs = new Map<string, { readonly incarnation: number; readonly epoch: number }>();
  const machines = new Map<string, Map<string, Known>>();
  const disks = new Set<string>();
  const heard = new Map<string, number>();

  const count = (what: string): void => {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const violate = ({ atMs, call, fence }: Effect, uid: string, says: string): void => {
    const fenced = fence === undefined ? '' : ` (epoch ${fence.epoch}, generation ${fence.generation})`;
    violations.push({ atMs, uid, says: `${says}: ${call}${fenced}` });
  };

  function judgeEpoch(effect: Effect, shard: string, { incarnation, epoch }: { incarnation: number; epoch: number }): void {
    const known = epochs.get(shard) ?? { incarnation: 0, epoch: 0 };
    const older = incarnation < known.incarnation || (incarnation === known.incarnation && epoch < known.epoch);
    if (older) violate(effect, effect.uid, `epoch ${epoch} of shard ${shard} had an effect after epoch ${known.epoch}`);
    else epochs.set(shard, { incarnation, epoch });
  }

  function judgeMachine(effect: Effect): void {
    const { place, uid, atMs, fence } = effect;
    const doc = effect.doc as MachineDoc | undefined;
    const places = machines.get(uid) ?? new Map<string, Known>();
    machines.set(uid, places);
    const before = places.get(place);
    const [was, is] = [momentOf(before?.doc, atMs), momentOf(doc, atMs)];
    const starts = is.running && !was.running;
    const stops = was.running && !was.stopping && (is.stopping || !is.running);
    if (before === undefined && doc !== undefined) count('make');
    if (starts) count('start');
    if (stops) count('stop');
    if (doc === undefined) count('delete');
    const startedBy = starts ? fence?.generation : before?.startedBy;
    if (doc === undefined) places.delete(place);
    else places.set(place, { doc, startedBy });
    const others = [...places].filter(([other, known]) => other !== place && momentOf(known.doc, atMs).running).map(([other]) => other);
    if (starts && others.length > 0) violate(effect, uid, `the machine ${uid} runs twice: on ${place} and ${others.join(', ')}`);
    if (stops && effect.call !== '' && !askedToStop(declared.get(uid), fence?.generation, before?.startedBy))
      violate(effect, uid, `the machine ${uid} on ${place} was stopped, and nobody asked for it`);
  }

  function judgeDisk(effect: Effect): void {
    const { place, uid } = effect;
    const known = disks.has(`${place}/${uid}`);
    if (effect.doc !== undefined) {
      disks.add(`${place}/${uid}`);
      if (!known) count('make disk');
      return;
    }
    count('delete disk');
    disks.delete(`${place}/${uid}`);
    const volume = declared.get(uid);
    if (effect.call !== '' && volume?.leaving !== true && volume?.gone !== true)
      violate(effect, uid, `the disk ${uid} in ${place} was deleted, and nobody deleted its volume`);
  }

  return {
    violations,
    counts,
    learn({ metadata: { uid, generation, deletionTimestamp }, spec }) {
      const known = declared.get(uid) ?? { specs: new Map<number, VirtualMachine['spec']>(), leaving: false, gone: false };
      known.specs.set(generation, spec as VirtualMachine['spec']);
      known.leaving ||= deletionTimestamp !== undefined;
      declared.set(uid, known);
    },
    forget(uid) {
      const known = declared.get(uid);
      if (known !== undefined) known.gone = true;
    },
    see(world, effect) {
      const last = heard.get(world) ?? 0;
      if (effect.seq !== last + 1) violate(effect, effect.uid, `the journal of ${world} has a hole from ${last} to ${effect.seq}`);
      heard.set(world, effect.seq);
      if (effect.kind === 'shards') judgeEpoch(effect, effect.uid, effect.doc as { incarnation: number; epoch: number });
      else if (effect.fence !== undefined) judgeEpoch(effect, effect.fence.shard, effect.fence);
      if (effect.kind === 'machines') judgeMachine(effect);
      if (effect.kind === 'disks') judgeDisk(effect);
    },
  };
}
