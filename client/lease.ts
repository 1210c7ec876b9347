import { isAborted } from '../apis/meta/aborted.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import type { Log } from '../apis/meta/log.ts';
import { LeaseKind, type Lease } from '../apis/coordination/v1/lease/kind.ts';
import type { Client } from './client.ts';

export interface ElectionOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process. */
  readonly identity: string;
  readonly durationMs: number;
  /** Whether a holder is known to be dead, so that its lease need not run out; none where it is not given. */
  readonly isDead?: (holder: string) => boolean;
}

/** The right to decide, while `signal` is not aborted. */
export interface Leadership {
  /** Grows with every change of the holder; above every epoch that was ever used under this name. */
  epoch(): number;
  /** Aborts when the lease is lost, or could not be renewed in time by our own monotonic clock, counted from when the renewal was sent. */
  readonly signal: AbortSignal;
  /** Moves the epoch above one that a driver has seen, by compare-and-swap; aborts `signal` and rejects where the lease is no longer ours. */
  raise(above: number, signal: AbortSignal): Promise<void>;
}

/** The leader stops acting this much before others may take over. */
const MARGIN = 0.2;
/** A Lease that was deleted and made anew must not begin below the epochs of its predecessor: seconds since this moment do not. */
const EPOCHS_SINCE_MS = Date.UTC(2026, 0, 1);

/** What was last seen of somebody else's lease, and when: expiry is measured by our own clock, never by comparing two machines'. */
interface Sighting {
  readonly version: string;
  readonly atMs: number;
}

interface Held {
  lease: Lease;
  sentMs: number;
}

/** Takes part in an election until the signal aborts: whenever this process leads, runs `lead`, and takes part again when that ends or the lease is lost. */
export async function elect(options: ElectionOptions, lead: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
  const { clock, random, durationMs, log, name } = options;
  let sighting: Sighting | undefined;
  while (!signal.aborted) {
    try {
      const found = await acquire(options, sighting, signal);
      if ('held' in found) {
        log.info({ lease: name, epoch: found.held.lease.spec.leaseTransitions }, 'leading');
        await reign(options, found.held, lead, signal);
        log.info({ lease: name }, 'no longer leading');
        sighting = undefined;
        continue;
      }
      sighting = found.sighting;
    } catch (error) {
      if (isAborted(signal)) return;
      log.warn({ err: error, lease: name }, 'the election could not be asked');
    }
    await clock.sleep((durationMs / 5) * (0.75 + random() / 2), signal).catch(() => undefined);
  }
}

async function acquire(
  { client, clock, namespace, name, identity, durationMs, isDead = () => false }: ElectionOptions,
  before: Sighting | undefined,
  signal: AbortSignal,
): Promise<{ readonly held: Held } | { readonly sighting: Sighting }> {
  const lease = await client.get<Lease>(LeaseKind, { namespace, name }, signal);
  const sentMs = clock.monotonic();
  const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
  const leaseDurationSeconds = Math.max(1, Math.ceil(durationMs / 1000));
  const mine = { holderIdentity: identity, leaseDurationSeconds, acquireTime: now, renewTime: now };
  const fresh = Math.floor((clock.now() - EPOCHS_SINCE_MS) / 1000);
  if (lease === undefined) {
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace },
      spec: { ...mine, leaseTransitions: fresh },
    };
    return { held: { lease: await client.create<Lease>(LeaseKind, body, signal), sentMs } };
  }
  const { holderIdentity = '', leaseTransitions = 0 } = lease.spec;
  const version = lease.metadata.resourceVersion;
  const seen = before?.version === version ? before : { version, atMs: sentMs };
  const free = holderIdentity === '' || holderIdentity === identity || isDead(holderIdentity) || sentMs - seen.atMs >= durationMs;
  if (!free) return { sighting: seen };
  const taken = { ...lease, spec: { ...lease.spec, ...mine, leaseTransitions: Math.max(leaseTransitions + 1, 1) } };
  return { held: { lease: await client.replace<Lease>(LeaseKind, taken, signal), sentMs } };
}

async function reign(
  options: ElectionOptions,
  held: Held,
  lead: (leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const lose = (why: string): void => {
    if (!ending.signal.aborted) ending.abort(new ApiError('Conflict', `the lease ${options.name} was lost: ${why}`));
  };
  const leadership: Leadership = {
    epoch: () => held.lease.spec.leaseTransitions ?? 0,
    signal: both,
    async raise(above, stop) {
      if (above < (held.lease.spec.leaseTransitions ?? 0)) return;
      await write(options, held, { leaseTransitions: above + 1 }, stop).catch((error: unknown) => {
        lose('it could not be moved above an epoch that a driver has seen');
        throw error;
      });
    },
  };
  const led = lead(leadership).finally(() => {
    lose('the work ended');
  });
  await Promise.all([renew(options, held, lose, both), watchDeadline(options, held, lose, both), led.catch(() => undefined)]);
  // A lease that is handed back is taken by the next at once; one that was lost is not ours to touch.
  if (signal.aborted) await release(options, held);
  await led;
}

async function write(options: ElectionOptions, held: Held, change: Partial<Lease['spec']>, signal: AbortSignal): Promise<void> {
  const sentMs = options.clock.monotonic();
  const renewTime = new Date(options.clock.now()).toISOString().replace('Z', '000Z');
  const next = { ...held.lease, spec: { ...held.lease.spec, renewTime, ...change } };
  held.lease = await options.client.replace<Lease>(LeaseKind, next, signal);
  held.sentMs = sentMs;
}

async function renew(options: ElectionOptions, held: Held, lose: (why: string) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await options.clock.sleep(options.durationMs / 3, signal);
      await write(options, held, {}, signal);
    } catch (error) {
      if (isAborted(signal)) return;
      const gone = error instanceof ApiError && (error.reason === 'Conflict' || error.reason === 'NotFound');
      // `raise` may have written in between; then the version that we hold is newer than the one that was refused.
      if (gone && !(await stillOurs(options, held, signal))) lose('somebody else has it, or it was deleted');
    }
  }
}

async function stillOurs({ client, namespace, name, identity }: ElectionOptions, held: Held, signal: AbortSignal): Promise<boolean> {
  try {
    const lease = await client.get<Lease>(LeaseKind, { namespace, name }, signal);
    if (lease?.spec.holderIdentity !== identity || lease.metadata.uid !== held.lease.metadata.uid) return false;
    held.lease = lease;
    return true;
  } catch {
    return true; // Not known: the deadline decides.
  }
}

async function watchDeadline(
  { clock, durationMs }: ElectionOptions,
  held: Held,
  lose: (why: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const left = held.sentMs + durationMs * (1 - MARGIN) - clock.monotonic();
    if (left <= 0) {
      lose('it could not be renewed in time');
      return;
    }
    await clock.sleep(left, signal).catch(() => undefined);
  }
}

async function release({ client, clock, log, name }: ElectionOptions, held: Held): Promise<void> {
  const ending = new AbortController();
  const timer = clock.sleep(1_000, ending.signal).then(
    () => {
      ending.abort(new Error('too slow'));
    },
    () => undefined,
  );
  try {
    await client.replace<Lease>(LeaseKind, { ...held.lease, spec: { ...held.lease.spec, holderIdentity: '' } }, ending.signal);
  } catch (error) {
    log.debug({ err: error, lease: name }, 'the lease could not be handed back; it runs out');
  } finally {
    ending.abort(new Error('done'));
    await timer;
  }
}
