import type { ApiObject } from '../../apis/meta/object.ts';
import { objectOf, type Entry } from '../registry/entry.ts';
import type { Resource } from '../registry/resource.ts';
import { visitRows } from '../registry/rows.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import { placeOf, storedResources, type Loop } from './loop.ts';
import { isOvertaken } from './speaker.ts';

const EVERY_MS = 30_000;
const MOST_AT_ONCE = 500;

interface Expiring {
  readonly resource: Resource;
  /** When each object goes, in milliseconds of the clock's monotonic time, by key. */
  readonly deadlines: Map<string, number>;
  /** Whether `deadlines` has all objects. */
  filled: boolean;
  readonly lifeMs: number;
}

/** What an object has left of its life when this server begins to watch it: its last write is not known then, its creation is. */
function leftMs({ clock }: Loop, { metadata }: ApiObject, lifeMs: number): number {
  const age = clock.now() - Date.parse(metadata.creationTimestamp);
  return Math.min(lifeMs, Math.max(0, lifeMs - age));
}

async function fill(loop: Loop, expiring: Expiring, signal: AbortSignal): Promise<void> {
  const { resource, deadlines, lifeMs } = expiring;
  expiring.filled = true;
  const visit = (entry: Entry): void => {
    // What has changed meanwhile has its whole life before it.
    if (!deadlines.has(entry.key)) deadlines.set(entry.key, loop.clock.monotonic() + leftMs(loop, objectOf(entry), lifeMs));
  };
  await visitRows(loop.cache.table(resource.prefix).rows(resource.prefix), visit, signal);
}

async function expire(loop: Loop, expiring: Expiring, signal: AbortSignal): Promise<void> {
  const { resource, deadlines } = expiring;
  if (!expiring.filled) await fill(loop, expiring, signal);
  const now = loop.clock.monotonic();
  const table = loop.cache.table(resource.prefix);
  const due = [...deadlines].filter(([, deadline]) => deadline <= now).slice(0, MOST_AT_ONCE);
  for (const [key] of due) {
    const entry = table.get(key);
    if (entry === undefined) {
      deadlines.delete(key);
      continue;
    }
    const object = objectOf(entry);
    const { uid, resourceVersion } = object.metadata;
    await loop.speaker.remove(placeOf(resource, object), { preconditions: { uid, resourceVersion } }, signal).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      if (!isOvertaken(error)) loop.onTrouble(error);
    });
  }
}

/** Deletes objects of kinds that expire, so long after their last write as the kind says. */
export async function expireObjects(loop: Loop, signal: AbortSignal): Promise<void> {
  const expiring = storedResources(loop).flatMap((resource): readonly Expiring[] => {
    const seconds = resource.kind.expiresAfterSeconds;
    return seconds === undefined ? [] : [{ resource, deadlines: new Map(), filled: false, lifeMs: seconds * 1000 }];
  });
  const silences = expiring.map((kind) =>
    loop.cache.listen(kind.resource.prefix, {
      changed({ key, after }) {
        if (after === undefined) kind.deadlines.delete(key);
        else kind.deadlines.set(key, loop.clock.monotonic() + kind.lifeMs);
      },
      lost: () => {
        kind.deadlines.clear();
        kind.filled = false;
      },
    }),
  );
  try {
    for (;;) {
      for (const kind of expiring) await expire(loop, kind, signal);
      await loop.clock.sleep(EVERY_MS, signal);
    }
  } finally {
    for (const silence of silences) silence();
  }
}
