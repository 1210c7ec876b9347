import { LeaseKind, type Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { isAborted } from '../../apis/meta/aborted.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { Log } from '../../apis/meta/log.ts';
import type { Client } from '../../client/client.ts';
import { SYSTEM_NAMESPACE } from '../../client/installation.ts';
import type { View } from '../../client/view.ts';
import { within } from '../../client/within.ts';

/** What the names of processes' own Leases begin with. */
const MEMBER = 'member-';

export interface MembersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Unique to this process. */
  readonly identity: string;
  readonly leaseMs: number;
  readonly leases: View<Lease>;
  /** Whether a holder of a Lease is known to be dead. */
  readonly isDead?: (holder: string) => boolean;
  /** What this process says of itself to whoever looks for it, on its Lease. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The processes that take part. */
export interface Members {
  /** Identities of those that live, with this one. */
  living(): readonly string[];
  /** The same, but those only that were seen to live: what a dead process left behind is taken for alive until it runs out. */
  proven(): readonly string[];
  /** Says that this process lives until the signal aborts; then says goodbye. */
  run(signal: AbortSignal): Promise<void>;
}

/** When a process's Lease was last seen to change, and whether it was seen to at all. */
interface Seen {
  readonly version: string;
  readonly atMs: number;
  readonly renewed: boolean;
}

/** A dead process's Lease is thrown away after so many lease times. */
const FORGET_AFTER = 10;

/** The name of a process's own Lease: any identity becomes a name. */
export function memberName(identity: string): string {
  return `${MEMBER}${identity.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}`.slice(0, 200).replace(/-+$/, '');
}

function watchMembers({ leases, clock }: MembersOptions): { readonly seen: ReadonlyMap<string, Seen>; stop(): void } {
  const seen = new Map<string, Seen>();
  const note = (lease: Lease): void => {
    const { name, resourceVersion: version } = lease.metadata;
    const before = seen.get(name);
    if (!name.startsWith(MEMBER) || before?.version === version) return;
    seen.set(name, { version, atMs: clock.monotonic(), renewed: before !== undefined });
  };
  for (const lease of leases.list()) note(lease);
  const stop = leases.onChange(({ old, object }) => {
    if (object !== undefined) note(object);
    else if (old !== undefined) seen.delete(old.metadata.name);
  });
  return { seen, stop };
}

/** Says that this process lives. */
async function renew({ client, clock, identity, leaseMs, annotations = {} }: MembersOptions, signal: AbortSignal): Promise<void> {
  const name = memberName(identity);
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: identity, leaseDurationSeconds: Math.max(1, Math.ceil(leaseMs / 1000)), renewTime };
  try {
    await client.patch(LeaseKind, { namespace: SYSTEM_NAMESPACE, name }, { metadata: { annotations }, spec }, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: SYSTEM_NAMESPACE, annotations },
      spec,
    };
    await client.create(LeaseKind, body, signal);
  }
}

/** Throws away what processes left that died long ago. */
async function tidy(
  { client, clock, identity, leases, leaseMs, isDead = () => false }: MembersOptions,
  seen: ReadonlyMap<string, Seen>,
  signal: AbortSignal,
): Promise<void> {
  for (const { metadata, spec } of leases.list()) {
    const last = seen.get(metadata.name);
    if (last === undefined) continue;
    const old = clock.monotonic() - last.atMs > FORGET_AFTER * leaseMs;
    const holder = spec.holderIdentity ?? '';
    // Processes on one data folder are known to be dead, but for the one that says so.
    if (holder === identity || (!old && !isDead(holder))) continue;
    await client.delete(LeaseKind, { namespace: SYSTEM_NAMESPACE, name: metadata.name, uid: metadata.uid }, signal);
  }
}

/** Knows the processes that take part by the Leases that they keep; the view of them has been filled. */
export function createMembers(options: MembersOptions): Members {
  const { client, clock, random, log, identity, leaseMs, leases, isDead = () => false } = options;
  const watching = watchMembers(options);
  const { seen } = watching;
  const among = (fits: (seen: Seen) => boolean): readonly string[] => {
    const others = leases.list().flatMap(({ metadata, spec }) => {
      const last = seen.get(metadata.name);
      const holder = spec.holderIdentity ?? '';
      const lives = last !== undefined && clock.monotonic() - last.atMs < leaseMs && holder !== '' && !isDead(holder);
      return lives && fits(last) ? [holder] : [];
    });
    return [...new Set([identity, ...others])].sort();
  };
  return {
    living: () => among(() => true),
    proven: () => among(({ renewed }) => renewed),
    async run(signal) {
      while (!isAborted(signal)) {
        try {
          await renew(options, signal);
          await tidy(options, seen, signal);
        } catch (error) {
          if (!isAborted(signal)) log.debug({ err: error }, 'the Lease of this process was not renewed');
        }
        await clock.sleep((leaseMs / 3) * (0.75 + random() / 4), signal).catch(() => undefined);
      }
      watching.stop();
      const key = { namespace: SYSTEM_NAMESPACE, name: memberName(identity) };
      // The process is ending; where this fails, others throw it away.
      const goodbye = (late: AbortSignal): Promise<void> => client.delete(LeaseKind, key, late);
      await within(clock, 1_000, goodbye, new AbortController().signal).catch(() => undefined);
    },
  };
}
