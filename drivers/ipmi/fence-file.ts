import { passObject, passShard } from '../contract/fence-check.ts';
import type { SeenObject, SeenShard } from '../contract/fence-check.ts';
import type { MutationContext } from '../contract/fence.ts';
import { readRecord, writeRecord } from '../serve/record-file.ts';

interface FenceFile {
  readonly schema: 1;
  readonly shards: Readonly<Record<string, SeenShard>>;
  /** By the uid of the object whose decision it was. */
  readonly objects: Readonly<Record<string, SeenObject>>;
}

/** A power endpoint serves one object; what served others before is kept for so many of them. */
const MOST_OBJECTS = 64;

function remembered(objects: FenceFile['objects'], uid: string, seen: SeenObject): FenceFile['objects'] {
  const others = Object.entries(objects).filter(([other]) => other !== uid);
  return Object.fromEntries([...others.slice(1 - MOST_OBJECTS), [uid, seen]]);
}

/** Throws FAILED_PRECONDITION/STALE_EPOCH for an old leader, or an old decision of the object that the call serves; else remembers what was seen. */
export async function admit(path: string, { fence, trace }: MutationContext, signal: AbortSignal): Promise<void> {
  const seen: FenceFile = (await readRecord<FenceFile>(path, 1, signal)) ?? { schema: 1, shards: {}, objects: {} };
  const key = `${fence.installation}/${fence.shard}`;
  const uid = trace.split('.')[0] ?? '';
  const shard = passShard(fence, seen.shards[key]);
  const object = passObject(fence, seen.objects[uid]);
  const next: FenceFile = { schema: 1, shards: { ...seen.shards, [key]: shard }, objects: remembered(seen.objects, uid, object) };
  if (JSON.stringify(next) !== JSON.stringify(seen)) await writeRecord(path, next, signal);
}
