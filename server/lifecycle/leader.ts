import { ApiError } from '../../apis/meta/api-error.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { valueAt } from '../registry/json.ts';
import { timeOf, type Loop } from './loop.ts';
import type { Place } from './speaker.ts';

const LEASE = { namespace: 'lenticular-system', name: 'apiserver-lifecycle' };
const DURATION_SECONDS = 15;
const RENEW_MS = 5_000;
const STOP_AFTER_MS = 10_000;

/** A lease as last seen, and since when (by our own clock) it has not changed. */
interface Sight {
  readonly resourceVersion: string;
  readonly sinceMs: number;
}

function specOf({ clock, identity }: Loop, before: ApiObject | undefined): object {
  const mine = valueAt(before, 'spec.holderIdentity') === identity;
  const transitions = Number(valueAt(before, 'spec.leaseTransitions') ?? -1);
  const acquired = mine ? valueAt(before, 'spec.acquireTime') : undefined;
  const now = timeOf(clock, 'micros');
  return {
    holderIdentity: identity,
    leaseDurationSeconds: DURATION_SECONDS,
    acquireTime: acquired ?? now,
    renewTime: now,
    leaseTransitions: mine ? transitions : transitions + 1,
  };
}

/** Writes the lease as ours, unless somebody holds it who renewed it lately by our own clock. */
async function tryToHold(loop: Loop, place: Place, sight: Sight | undefined, signal: AbortSignal): Promise<Sight | 'held'> {
  const { speaker, clock, identity } = loop;
  const before = await speaker.get(place, signal).catch((error: unknown) => {
    if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
    throw error;
  });
  if (before === undefined) {
    await speaker.create(place, { spec: specOf(loop, undefined) }, signal);
    return 'held';
  }
  const holder = valueAt(before, 'spec.holderIdentity') ?? '';
  const { resourceVersion } = before.metadata;
  const seen = sight?.resourceVersion === resourceVersion ? sight : { resourceVersion, sinceMs: clock.monotonic() };
  const expired = clock.monotonic() - seen.sinceMs > DURATION_SECONDS * 1000;
  if (holder !== identity && holder !== '' && !expired) return seen;
  await speaker.replace(place, '', { ...before, spec: specOf(loop, before) }, signal);
  return 'held';
}

/** Renews until a renewal was not confirmed in time, counted from when the last good one was sent. */
async function renew(loop: Loop, place: Place, sentMs: number, signal: AbortSignal): Promise<void> {
  let good = sentMs;
  while (loop.clock.monotonic() - good < STOP_AFTER_MS) {
    await loop.clock.sleep(RENEW_MS, signal);
    const sent = loop.clock.monotonic();
    const held = await tryToHold(loop, place, undefined, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      loop.onTrouble(error);
      return undefined;
    });
    if (held === 'held') good = sent;
    else if (held !== undefined) return;
  }
}

async function workWhileHeld(
  loop: Loop,
  place: Place,
  sentMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const working = work(AbortSignal.any([signal, lost.signal]));
  try {
    await renew(loop, place, sentMs, signal);
  } finally {
    lost.abort();
    await working.catch(() => undefined);
  }
}

/** Does `work` whenever this server holds the lease of the lifecycle loops; its signal aborts when the lease may be lost. */
export async function lead(loop: Loop, work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
  const kind = loop.resources.find(({ kind: each }) => each.group === 'coordination.k8s.io' && each.plural === 'leases')?.kind;
  if (kind === undefined) return work(signal);
  const place: Place = { kind, ...LEASE };
  let sight: Sight | undefined;
  for (;;) {
    const sentMs = loop.clock.monotonic();
    const result = await tryToHold(loop, place, sight, signal).catch((error: unknown) => {
      if (error instanceof ApiError && ['Conflict', 'AlreadyExists'].includes(error.reason)) return undefined;
      throw error;
    });
    if (result === 'held') await workWhileHeld(loop, place, sentMs, work, signal);
    else sight = result ?? sight;
    await loop.clock.sleep(RENEW_MS, signal);
  }
}
