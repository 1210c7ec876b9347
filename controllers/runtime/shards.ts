import type { Lease } from '../../apis/coordination/v1/lease/kind.ts';
import { isAborted } from '../../apis/meta/aborted.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import { linkedTo, type Linked } from '../../apis/meta/linked.ts';
import type { Log } from '../../apis/meta/log.ts';
import type { Client } from '../../client/client.ts';
import { SYSTEM_NAMESPACE } from '../../client/installation.ts';
import { elect, type Leadership } from '../../client/lease.ts';
import type { View } from '../../client/view.ts';
import type { Members } from './members.ts';
import { fairShare, handover } from './share.ts';

/** For objects that have no zone. */
export const GLOBAL_SHARD = 'global';

export interface ShardsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly identity: string;
  readonly leaseMs: number;
  readonly leases: View<Lease>;
  readonly members: Members;
  /** Names of the shards that there are now, and again whenever that changes; `global` is always one. */
  readonly shards: (signal: AbortSignal) => AsyncIterable<readonly string[]>;
  readonly isDead?: (holder: string) => boolean;
  /** Works on a shard for as long as it is led. */
  readonly lead: (name: string, leadership: Leadership) => Promise<void>;
}

/** What this process takes part in. */
interface Part {
  /** Elections that are held. */
  readonly running: Map<string, Linked>;
  /** Elections that may not have ended yet: a shard that comes back waits for its own end. */
  readonly ended: Map<string, Promise<void>>;
  readonly led: Map<string, Leadership>;
}

/** What the names of shards' Leases begin with. */
const SHARD = 'shard-';

/** Takes part in the election of one shard. */
function electOne(options: ShardsOptions, part: Part, name: string, signal: AbortSignal): Promise<void> {
  const { leaseMs, members, lead } = options;
  const eager = (): boolean => part.led.size < fairShare(part.running.size, members.living().length);
  const election = { ...options, namespace: SYSTEM_NAMESPACE, name: `${SHARD}${name}`, durationMs: leaseMs, eager };
  return elect(
    election,
    async (leadership) => {
      part.led.set(name, leadership);
      try {
        await lead(name, leadership);
      } finally {
        part.led.delete(name);
      }
    },
    signal,
  );
}

/** Takes part in the election of each shard for as long as there is one of that name. */
async function electAll(options: ShardsOptions, part: Part, signal: AbortSignal): Promise<void> {
  const { running, ended } = part;
  try {
    for await (const shards of options.shards(signal)) {
      const wanted = new Set([GLOBAL_SHARD, ...shards]);
      for (const [name, stop] of running) {
        if (wanted.has(name)) continue;
        stop.abort(new Error(`there is no shard ${name} any more`));
        running.delete(name);
      }
      for (const name of wanted) {
        if (running.has(name)) continue;
        const stop = linkedTo(signal);
        const before = ended.get(name) ?? Promise.resolve();
        running.set(name, stop);
        ended.set(
          name,
          before.then(() => electOne(options, part, name, stop.signal)),
        );
      }
    }
  } finally {
    for (const stop of running.values()) stop.abort(new Error('the shards are not known any more'));
    await Promise.all(ended.values());
  }
}

/** Who holds which shard, as far as it is seen; of shards, too, that this process does not know yet. */
function holdersOf({ leases }: ShardsOptions): ReadonlyMap<string, string> {
  const held = leases.list().flatMap(({ metadata: { name }, spec: { holderIdentity = '' } }): readonly (readonly [string, string])[] => {
    return name.startsWith(SHARD) && holderIdentity !== '' ? [[name.slice(SHARD.length), holderIdentity]] : [];
  });
  return new Map(held);
}

/** Hands shards to processes that lead fewer: one at a time, and never back and forth. */
async function balance(options: ShardsOptions, part: Part, signal: AbortSignal): Promise<void> {
  const { clock, random, leaseMs, members, identity, log } = options;
  while (!isAborted(signal)) {
    // Two that look at the same moment would give to the same third.
    await clock.sleep((leaseMs / 10) * (0.5 + random()), signal).catch(() => undefined);
    if (isAborted(signal)) return;
    const spread = { me: identity, members: members.proven(), holders: holdersOf(options) };
    const given = handover(spread);
    const leadership = given && part.led.get(given.shard);
    if (given === undefined || leadership === undefined) continue;
    log.info({ shard: given.shard, to: given.to }, 'handing a shard over');
    leadership.handBack(given.to);
  }
}

/** Leads about as many shards as every other process that takes part, until the signal aborts. */
export async function leadShards(options: ShardsOptions, signal: AbortSignal): Promise<void> {
  const part: Part = { running: new Map(), ended: new Map(), led: new Map() };
  const ending = linkedTo(signal);
  const balancing = balance(options, part, ending.signal);
  try {
    await electAll(options, part, signal);
  } finally {
    ending.abort(new Error('there is nothing to balance any more'));
    await balancing;
  }
}
