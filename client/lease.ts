import { isAborted } from '../apis/meta/aborted.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import { linkedTo, whenAborted } from '../apis/meta/linked.ts';
import type { Log } from '../apis/meta/log.ts';
import { LeaseKind, type Lease } from '../apis/coordination/v1/lease/kind.ts';
import type { Client } from './client.ts';
import type { View } from './view.ts';
import { within } from './within.ts';

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
  /** What is seen of Leases without asking: with it a lease that is free, or lost, is known at once, and not at the next look. */
  readonly leases?: View<Lease>;
  /** Whether this process wants to lead more than it does; one that does not lets others go first for a second. It does where it is not given. */
  readonly eager?: () => boolean;
}

/** The right to decide, while `signal` is not aborted. */
export interface Leadership {
  /** Grows with every change of the holder; above every epoch that was ever used under this name. */
  epoch(): number;
  /** Throws where the lease is lost or may have run out by the monotonic clock, even if no timer has told yet: to be asked right before acting. */
  readonly check: () => void;
  /** Aborts when the lease is lost, or could not be renewed in time by our own monotonic clock, counted from when the renewal was sent. */
  readonly signal: AbortSignal;
  /** Moves the epoch above one that a driver has seen, by compare-and-swap; aborts `signal` and rejects where the lease is no longer ours. */
  readonly raise: (above: number, signal: AbortSignal) => Promise<void>;
  /** Ends this leadership, and leaves the lease to another process. */
  readonly handBack: (to: string) => void;
}

/**
 * Holds a Lease that is deleted until its holder has stopped, or has run out of time: without it a newcomer could not know that there was one.
 * `kubectl delete lease` makes the leader stop and hand over.
 */
export const LEASE_FINALIZER = 'lenticular.dev/leader';

/** The leader stops acting this much before others may take over. */
const MARGIN = 0.2;
/** A Lease that was deleted and made anew must not begin below the epochs of its predecessor: seconds since this moment do not, and fit into the API's 32 bits until 2094. */
const EPOCHS_SINCE_MS = Date.UTC(2026, 0, 1);
const MAX_EPOCH = 2 ** 31 - 1;
/** A renewal is tried again this often where others touch the lease at the same moment. */
const WRITE_TRIES = 3;
/** Who is preferred, or has less to do, goes first for so long. */
const POLITE_MS = 1_000;

/** What was last seen of somebody else's lease, and when: expiry is measured by our own clock, never by comparing two machines'. */
interface Sighting {
  readonly version: string;
  readonly atMs: number;
}

/** What a candidate remembers between two looks at the lease. */
interface Memory {
  sighting: Sighting | undefined;
  /** Since when nobody holds it. */
  freeMs: number | undefined;
  /** When it is worth another look, at the latest; infinity: at the next one. */
  lookMs: number;
  /** The highest epoch that was ever seen here: a lease that is deleted or tampered with cannot take it back. */
  epoch: number;
}

interface Held {
  lease: Lease;
  epoch: number;
  sentMs: number;
  /** Whom the lease is handed back to. */
  heir: string | undefined;
  /** Writes of one leader take turns. */
  turn: Promise<unknown>;
}

/** Takes part in an election until the signal aborts: whenever this process leads, runs `lead`, and takes part again when that ends or the lease is lost. */
export async function elect(options: ElectionOptions, lead: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
  const { clock, random, durationMs, log, name } = options;
  const memory: Memory = { sighting: undefined, freeMs: undefined, lookMs: Number.POSITIVE_INFINITY, epoch: 0 };
  while (!signal.aborted) {
    // From here on, so that nothing that happens between the look and the sleep is missed.
    const news = listenFor(options, (lease) => sight(options, memory, lease));
    const held = await within(clock, durationMs / 3, (stop) => acquire(options, memory, stop), signal).catch((error: unknown) => {
      const raced = error instanceof ApiError && (error.reason === 'Conflict' || error.reason === 'AlreadyExists');
      if (!signal.aborted) log[raced ? 'debug' : 'warn']({ err: error, lease: name }, 'the lease could not be taken');
      return undefined;
    });
    if (held !== undefined) {
      log.info({ lease: name, epoch: held.epoch }, 'leading');
      await reign(options, held, lead, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error, lease: name }, 'the work of the leader failed');
      });
      log.info({ lease: name }, 'no longer leading');
      memory.sighting = undefined;
      memory.freeMs = undefined;
      memory.lookMs = Number.POSITIVE_INFINITY;
      memory.epoch = Math.max(memory.epoch, held.epoch);
    }
    const pauseMs = Math.min((durationMs / 5) * (0.75 + random() / 2), Math.max(1, memory.lookMs - clock.monotonic()));
    await news.sleep(pauseMs, signal);
  }
}

/** Sleeps that news of the lease cut short. */
interface News {
  /** Resolves after `ms`, at news since it is listened for, or when the signal aborts; then nothing is listened for any more. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

/** Listens for changes of the lease; `matters` says which of them are news. */
function listenFor({ leases, clock, namespace, name }: ElectionOptions, matters: (lease: Lease | undefined) => boolean): News {
  const heard = new AbortController();
  const stop = leases?.onChange(({ old, object }) => {
    const { metadata } = object ?? old ?? {};
    if (metadata?.name === name && metadata.namespace === namespace && matters(object)) heard.abort(new Error('there is news'));
  });
  return {
    async sleep(ms, signal) {
      const forget = whenAborted(signal, () => heard.abort(signal.reason));
      try {
        await clock.sleep(ms, heard.signal).catch(() => undefined);
      } finally {
        forget();
        stop?.();
      }
    },
    stop: () => stop?.(),
  };
}

/** Takes in what was seen of the lease; whether it is free now, or is being deleted. */
function sight({ clock }: ElectionOptions, memory: Memory, lease: Lease | undefined): boolean {
  if (lease === undefined) return true;
  const { resourceVersion: version, deletionTimestamp } = lease.metadata;
  const older = memory.sighting !== undefined && BigInt(memory.sighting.version) >= BigInt(version);
  if (!older) memory.sighting = { version, atMs: clock.monotonic() };
  memory.epoch = Math.max(memory.epoch, lease.spec.leaseTransitions ?? 0);
  const held = (lease.spec.holderIdentity ?? '') !== '';
  if (held) memory.freeMs = undefined;
  return !held || deletionTimestamp !== undefined;
}

function renewal({ clock, identity, durationMs }: ElectionOptions, epoch: number): Lease['spec'] {
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
  const leaseDurationSeconds = Math.max(1, Math.ceil(durationMs / 1000));
  return { holderIdentity: identity, leaseDurationSeconds, renewTime, leaseTransitions: epoch };
}

/** When somebody else's lease is free: now, or when it runs out by our clock. */
function freeAtMs(options: ElectionOptions, memory: Memory, lease: Lease, nowMs: number): number {
  const { identity, durationMs, isDead = () => false } = options;
  const { holderIdentity = '', leaseDurationSeconds = 0 } = lease.spec;
  const version = lease.metadata.resourceVersion;
  const seen = memory.sighting?.version === version ? memory.sighting : { version, atMs: nowMs };
  memory.sighting = seen;
  if (holderIdentity === '' || holderIdentity === identity || isDead(holderIdentity)) return nowMs;
  // The holder may count on more time than we would have.
  return seen.atMs + Math.max(durationMs, leaseDurationSeconds * 1000);
}

/** Whether somebody else shall have the chance to take a free lease first. */
function isPolite({ identity, eager = () => true }: ElectionOptions, lease: Lease | undefined): boolean {
  const { holderIdentity, preferredHolder = '' } = lease?.spec ?? {};
  if (holderIdentity === identity || preferredHolder === identity) return false;
  return preferredHolder !== '' || !eager();
}

/** Lets a lease that is deleted and free go, so that it can be made anew; undefined: it is gone. */
async function bury({ client, namespace, name }: ElectionOptions, lease: Lease, signal: AbortSignal): Promise<Lease | undefined> {
  const finalizers = (lease.metadata.finalizers ?? []).filter((one) => one !== LEASE_FINALIZER);
  await client.replace<Lease>(LeaseKind, { ...lease, metadata: { ...lease.metadata, finalizers } }, signal);
  return client.get<Lease>(LeaseKind, { namespace, name }, signal);
}

/** Takes the lease where it is free; undefined, and remembered, where somebody else holds it. */
async function acquire(options: ElectionOptions, memory: Memory, signal: AbortSignal): Promise<Held | undefined> {
  const { client, clock, namespace, name } = options;
  let lease = await client.get<Lease>(LeaseKind, { namespace, name }, signal);
  const sentMs = clock.monotonic();
  const { leaseTransitions } = lease?.spec ?? {};
  memory.epoch = Math.max(memory.epoch, leaseTransitions ?? 0);
  const freeMs = lease === undefined ? sentMs : freeAtMs(options, memory, lease, sentMs);
  if (freeMs > sentMs) {
    memory.freeMs = undefined;
    memory.lookMs = freeMs;
    return undefined;
  }
  memory.freeMs ??= sentMs;
  memory.lookMs = memory.freeMs + POLITE_MS;
  if (isPolite(options, lease) && sentMs < memory.lookMs) return undefined;
  memory.lookMs = Number.POSITIVE_INFINITY;
  if (lease?.metadata.deletionTimestamp !== undefined) lease = await bury(options, lease, signal);
  const start = leaseTransitions === undefined ? Math.floor((clock.now() - EPOCHS_SINCE_MS) / 1000) : 0;
  const epoch = Math.min(MAX_EPOCH, Math.max(memory.epoch + 1, start));
  const spec = { ...renewal(options, epoch) };
  const taken = { ...spec, ...(spec.renewTime !== undefined && { acquireTime: spec.renewTime }) };
  const held = { epoch, sentMs, heir: undefined, turn: Promise.resolve() };
  if (lease === undefined) {
    const metadata = { name, namespace, finalizers: [LEASE_FINALIZER] };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: taken };
    return { ...held, lease: await client.create<Lease>(LeaseKind, body, signal) };
  }
  const finalizers = [...new Set([...(lease.metadata.finalizers ?? []), LEASE_FINALIZER])];
  const { preferredHolder: _heir, ...before } = lease.spec;
  const next = { ...lease, metadata: { ...lease.metadata, finalizers }, spec: { ...before, ...taken } };
  return { ...held, lease: await client.replace<Lease>(LeaseKind, next, signal) };
}

function lost({ name }: ElectionOptions, why: string): ApiError {
  return new ApiError('Conflict', `the lease ${name} was lost: ${why}`);
}

function deadlineOf({ durationMs }: ElectionOptions, { sentMs }: Held): number {
  return sentMs + durationMs * (1 - MARGIN);
}

async function reign(
  options: ElectionOptions,
  held: Held,
  lead: (leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const ending = linkedTo(signal);
  const lose = (why: string): void => {
    if (!ending.signal.aborted) ending.abort(lost(options, why));
  };
  const leadership: Leadership = {
    epoch: () => held.epoch,
    check() {
      if (options.clock.monotonic() >= deadlineOf(options, held)) lose('it could not be renewed in time');
      ending.signal.throwIfAborted();
    },
    signal: ending.signal,
    async raise(above, stop) {
      if (above < held.epoch) return;
      if (above >= MAX_EPOCH) throw new ApiError('Invalid', `the epoch ${String(above)} that a driver has seen cannot be passed`);
      await write(options, held, { above, lose }, stop);
    },
    handBack(to) {
      held.heir = to;
      lose('it is handed back');
    },
  };
  // Called in a turn of its own, so that a `lead` that throws at once fails like one that throws later.
  const led = Promise.resolve()
    .then(() => lead(leadership))
    .finally(() => {
      lose('the work ended');
    });
  await Promise.all([
    renew(options, held, lose, ending.signal),
    watchDeadline(options, held, lose, ending.signal),
    led.catch(() => undefined),
  ]);
  // A lease that is handed back is taken by the next at once; one that was lost is not ours to touch.
  if (signal.aborted || held.heir !== undefined || isDeleted(held.lease)) await release(options, held);
  await led;
}

/** Renews the lease, with an epoch above `above`; where somebody else touched it and it is still ours, on top of that. Calls `lose` where it is not. */
function write(
  options: ElectionOptions,
  held: Held,
  { above, lose }: { readonly above: number; readonly lose: (why: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, namespace, name } = options;
  const turn = async (): Promise<void> => {
    signal.throwIfAborted();
    for (let tries = 1; ; tries += 1) {
      const sentMs = clock.monotonic();
      const epoch = Math.max(held.epoch, above + 1);
      try {
        const next = { ...held.lease, spec: { ...held.lease.spec, ...renewal(options, epoch) } };
        held.lease = await client.replace<Lease>(LeaseKind, next, signal);
        held.epoch = epoch;
        held.sentMs = sentMs;
        if (isDeleted(held.lease)) lose('it is deleted');
        return;
      } catch (error) {
        const touched = error instanceof ApiError && (error.reason === 'Conflict' || error.reason === 'NotFound');
        if (!touched || tries === WRITE_TRIES) throw error;
      }
      const lease = await client.get<Lease>(LeaseKind, { namespace, name }, signal);
      if (lease === undefined || !isOurs(options, held, lease)) {
        const why = lease === undefined ? 'it was deleted' : 'somebody else has it';
        lose(why);
        throw lost(options, why);
      }
      held.lease = lease;
      held.epoch = Math.max(held.epoch, lease.spec.leaseTransitions ?? 0);
      if (isDeleted(lease)) {
        lose('it is deleted');
        throw lost(options, 'it is deleted');
      }
    }
  };
  const written = held.turn.then(turn, turn);
  held.turn = written.catch(() => undefined);
  return written;
}

async function renew(options: ElectionOptions, held: Held, lose: (why: string) => void, signal: AbortSignal): Promise<void> {
  const { clock, durationMs, log, name } = options;
  let pauseMs = durationMs / 3;
  // What somebody else did to the lease is looked into at once.
  const matters = (lease: Lease | undefined): boolean =>
    lease === undefined ||
    (BigInt(lease.metadata.resourceVersion) > BigInt(held.lease.metadata.resourceVersion) &&
      (isDeleted(lease) || !isOurs(options, held, lease)));
  let news = listenFor(options, matters);
  while (!signal.aborted) {
    await news.sleep(pauseMs, signal);
    news = listenFor(options, matters);
    if (isAborted(signal)) break;
    try {
      // An attempt that hangs must leave time for another one.
      await within(clock, durationMs / 4, (stop) => write(options, held, { above: 0, lose }, stop), signal);
      pauseMs = durationMs / 3;
    } catch (error) {
      log.debug({ err: error, lease: name }, 'the lease was not renewed');
      pauseMs = durationMs / 15;
    }
  }
  news.stop();
}

async function watchDeadline(options: ElectionOptions, held: Held, lose: (why: string) => void, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  while (!signal.aborted) {
    const left = deadlineOf(options, held) - clock.monotonic();
    if (left <= 0) {
      lose('it could not be renewed in time');
      return;
    }
    await clock.sleep(left, signal).catch(() => undefined);
  }
}

/** Empties the holder, or lets a deleted lease go, in a second at most; the process may be ending, so no signal but that. */
async function release(options: ElectionOptions, held: Held): Promise<void> {
  const { client, clock, log, namespace, name } = options;
  const preferred = held.heir === undefined ? {} : { preferredHolder: held.heir };
  const empty = async (lease: Lease, signal: AbortSignal): Promise<void> => {
    if (isDeleted(lease)) await bury(options, lease, signal);
    else await client.replace<Lease>(LeaseKind, { ...lease, spec: { ...lease.spec, ...preferred, holderIdentity: '' } }, signal);
  };
  const handBack = async (signal: AbortSignal): Promise<void> => {
    try {
      await empty(held.lease, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== 'Conflict') throw error;
      // A renewal that was broken off may have been written all the same.
      const lease = await client.get<Lease>(LeaseKind, { namespace, name }, signal);
      if (lease !== undefined && isOurs(options, held, lease)) await empty(lease, signal);
    }
  };
  try {
    await within(clock, 1_000, handBack, new AbortController().signal);
  } catch (error) {
    log.debug({ err: error, lease: name }, 'the lease could not be handed back; it runs out');
  }
}

function isDeleted({ metadata }: Lease): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function isOurs({ identity }: ElectionOptions, held: Held, { metadata, spec }: Lease): boolean {
  return spec.holderIdentity === identity && metadata.uid === held.lease.metadata.uid;
}
