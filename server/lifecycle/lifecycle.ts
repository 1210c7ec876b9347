import { ApiError } from '../../apis/meta/api-error.ts';
import { isNamespaces, SERVER_NAMESPACES } from '../registry/resource.ts';
import { compactHistory } from './compaction.ts';
import { expireObjects } from './expiry.ts';
import { collectGarbage } from './garbage.ts';
import { lead } from './leader.ts';
import type { LifecycleOptions, Loop } from './loop.ts';
import { emptyNamespaces } from './namespaces.ts';
import { createSpeaker } from './speaker.ts';

async function ensureNamespaces({ resources, speaker }: Loop, signal: AbortSignal): Promise<void> {
  const kind = resources.find(isNamespaces)?.kind;
  if (kind === undefined) return;
  for (const name of SERVER_NAMESPACES) {
    await speaker.create({ kind, namespace: '', name }, {}, signal).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    });
  }
}

/**
 * Runs the server's own loops until the signal aborts: the namespaces that must exist, and, on the one server that leads, the deletion of
 * namespaces, garbage collection by owner references, expiry, and compaction of the store.
 */
export async function runLifecycle(options: LifecycleOptions, signal: AbortSignal): Promise<void> {
  const loop: Loop = { ...options, speaker: createSpeaker(options.handle) };
  const persistently = async (work: (stop: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void> => {
    for (;;) {
      try {
        await work(stop);
        return;
      } catch (error) {
        if (stop.aborted) return;
        options.onTrouble(error);
        await options.clock.sleep(1000, stop).catch(() => undefined);
      }
    }
  };
  await persistently((stop) => ensureNamespaces(loop, stop), signal);
  const loops = [emptyNamespaces, collectGarbage, expireObjects, compactHistory];
  const work = async (stop: AbortSignal): Promise<void> => {
    await Promise.all(loops.map((each) => persistently((until) => each(loop, until), stop)));
  };
  await persistently((stop) => lead(loop, work, stop), signal);
}
