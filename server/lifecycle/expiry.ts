import type { ApiObject } from '../../apis/meta/object.ts';
import { objectOf } from '../registry/entry.ts';
import type { Resource } from '../registry/resource.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import { placeOf, storedResources, type Loop } from './loop.ts';
import { isOvertaken } from './speaker.ts';

const EVERY_MS = 30_000;
const MOST_AT_ONCE = 500;

interface Expiring {
  readonly resource: Resource;
  /** When each object goes, in milliseconds of the clock's monotonic time, by key; soonest first. */
  readonly deadlines: Map<string, number>;
  readonly lifeMs: number;
}

/** What an object has left of its life when this server begins to watch it: its last write is not known then, its creation is. */
function leftMs({ clock }: Loop, { metadata }: ApiObject, lifeMs: number): number {
  const age = clock.now() - Date.parse(metadata.creationTimestamp);
  return Math.min(lifeMs, Math.max(0, lifeMs - age));
}

function fill(loop: Loop, { resource, deadlines, lifeMs }: Expiring): void {
  const entries = loop.cache.table(resource.prefix).all(resource.prefix);
  const filled = entries.map((entry) => [entry.key, loop.clock.monotonic() + leftMs(loop, objectOf(entry), lifeMs)] as const);
  deadlines.clear();
  for (const [key, deadline] of filled.toSorted(([, left], [, right]) => left - right)) deadlines.set(key, deadline);
}

async function expire(loop: Loop, { resource, deadlines }: Expiring, signal: AbortSignal): Promise<void> {
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
    return seconds === undefined ? [] : [{ resource, deadlines: new Map(), lifeMs: seconds * 1000 }];
  });
  const silences = expiring.map((kind) => {
    fill(loop, kind);
    return loop.cache.listen(kind.resource.prefix, {
      changed({ key, after }) {
        // Taken out and put in again, so that the map stays sorted.
        kind.deadlines.delete(key);
        if (after !== undefined) kind.deadlines.set(key, loop.clock.monotonic() + kind.lifeMs);
      },
      lost: () => {
        fill(loop, kind);
      },
    });
  });
  try {
    for (;;) {
      for (const kind of expiring) await expire(loop, kind, signal);
      await loop.clock.sleep(EVERY_MS, signal);
    }
  } finally {
    for (const silence of silences) silence();
  }
}
