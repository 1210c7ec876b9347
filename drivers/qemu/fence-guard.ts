import { join } from 'node:path';
import { DriverError } from '../contract/driver-error.ts';
import { passShard, type SeenObject, type SeenShard } from '../contract/fence-check.ts';
import type { Fence, Owner } from '../contract/fence.ts';
import { readRecord, writeRecord } from '../serve/record-file.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Tombstones older than this go when there are many; none goes before a day has passed. */
const KEEP_TOMBSTONES_MS = 7 * DAY_MS;
const MANY_TOMBSTONES = 10_000;

export interface Tombstone extends SeenObject {
  readonly atMs: number;
}

interface FenceFile {
  readonly schema: 1;
  readonly shards: Readonly<Record<string, SeenShard>>;
  readonly tombstones: Readonly<Record<string, Tombstone>>;
}

/** The fences and tombstones of one endpoint: one file, `fences.json`, in its folder. */
export interface FenceGuard {
  /** Refuses what an older leader sends (FAILED_PRECONDITION/STALE_EPOCH, with the newer values), and remembers a newer one. */
  admit(fence: Fence, signal: AbortSignal): Promise<void>;
  tombstone(uid: string, signal: AbortSignal): Promise<Tombstone | undefined>;
  /** Remembers that `uid` was deleted, under the highest fence that it was seen with. */
  bury(uid: string, fence: SeenObject, nowMs: number, signal: AbortSignal): Promise<void>;
}

/** Throws ALREADY_EXISTS/FOREIGN_OWNER where the thing is another installation's, another object's, or was handed back. */
export function checkOwnership(fence: Fence, thing: { readonly owner: Owner; readonly released: boolean }): void {
  if (thing.released || thing.owner.installation !== fence.installation) {
    throw new DriverError(
      'ALREADY_EXISTS',
      'FOREIGN_OWNER',
      `${thing.owner.uid} does not belong to this installation${thing.released ? ' any more' : ''}`,
    );
  }
}

function highest(left: SeenObject, right: SeenObject): SeenObject {
  if (left.incarnation !== right.incarnation) return left.incarnation > right.incarnation ? left : right;
  return {
    incarnation: left.incarnation,
    generation: Math.max(left.generation, right.generation),
    placementEpoch: Math.max(left.placementEpoch, right.placementEpoch),
  };
}

function pruned(tombstones: Readonly<Record<string, Tombstone>>, nowMs: number): Readonly<Record<string, Tombstone>> {
  const entries = Object.entries(tombstones);
  const keepMs = entries.length > MANY_TOMBSTONES ? DAY_MS : KEEP_TOMBSTONES_MS;
  return Object.fromEntries(entries.filter(([, tombstone]) => nowMs - tombstone.atMs < keepMs));
}

/** The fences kept in `folder`; writes one after the other, whoever calls. */
export function createFenceGuard(folder: string): FenceGuard {
  const path = join(folder, 'fences.json');
  let queue: Promise<unknown> = Promise.resolve();
  const read = async (signal: AbortSignal): Promise<FenceFile> =>
    (await readRecord<FenceFile>(path, 1, signal)) ?? { schema: 1, shards: {}, tombstones: {} };
  const change = (next: (file: FenceFile) => FenceFile | undefined, signal: AbortSignal): Promise<void> => {
    const mine = queue.then(async () => {
      const file = next(await read(signal));
      if (file !== undefined) await writeRecord(path, file, signal);
    });
    queue = mine.catch(() => undefined);
    return mine;
  };
  return {
    admit: (fence, signal) =>
      change((file) => {
        const shard = `${fence.installation}/${fence.shard}`;
        const known = file.shards[shard];
        const next = passShard(fence, known);
        if (known?.incarnation === next.incarnation && known.epoch === next.epoch) return undefined;
        return { ...file, shards: { ...file.shards, [shard]: next } };
      }, signal),
    tombstone: async (uid, signal) => (await read(signal)).tombstones[uid],
    bury: (uid, fence, nowMs, signal) =>
      change((file) => {
        const before = file.tombstones[uid];
        const kept = before === undefined ? fence : highest(before, fence);
        const { incarnation, generation, placementEpoch } = kept;
        const same = before?.incarnation === incarnation && before.generation === generation && before.placementEpoch === placementEpoch;
        if (same) return undefined;
        return {
          ...file,
          tombstones: { ...pruned(file.tombstones, nowMs), [uid]: { incarnation, generation, placementEpoch, atMs: nowMs } },
        };
      }, signal),
  };
}
