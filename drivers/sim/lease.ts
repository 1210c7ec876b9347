import { DriverError } from '../contract/driver-error.ts';
import type { MutationContext } from '../contract/fence.ts';
import { MAX_TOKEN } from '../contract/lease.ts';
import type { HostLease } from '../contract/lease.ts';
import { checkFence, fieldInvalid } from '../contract/names.ts';
import { machineDocs, passLeader } from './documents.ts';
import type { HostDoc, MachineDoc } from './documents.ts';
import { leaseEndMs, settled } from './machine-state.ts';
import type { Sim } from './sim.ts';

type Lease = NonNullable<HostDoc['lease']>;

/**
 * When and for how long a token was given out, by the world's own time: whoever has the world open keeps the lease, so no process is needed for it.
 * What came back before tells apart those of one millisecond.
 */
function tokenOf({ bootId, config }: HostDoc, lease: Lease | undefined, nowMs: number): string {
  return `${bootId}.${nowMs}.${config.leaseMs}.${lease === undefined ? 0 : lease.after + 1}`;
}

/** What a token says; undefined for what is none of this boot. */
function readToken({ bootId }: HostDoc, token: string): Lease | undefined {
  const [boot, ...parts] = token.split('.');
  const [issuedMs = -1, durationMs = -1, after = -1] = parts.map(Number);
  const whole = boot === bootId && parts.length === 3 && [issuedMs, durationMs, after].every(Number.isSafeInteger);
  return whole && durationMs >= 0 ? { issuedMs, durationMs, after } : undefined;
}

function comesInTime({ issuedMs, durationMs, after }: Lease, { lease }: HostDoc, nowMs: number): boolean {
  const isNewer = lease === undefined || issuedMs > lease.issuedMs || (issuedMs === lease.issuedMs && after > lease.after);
  if (issuedMs > nowMs || !isNewer) return false;
  return durationMs === 0 || issuedMs + durationMs > nowMs;
}

/** Writes down, and tells, which machines have been stopped by the lease: once it goes on, that no longer follows from the time. */
function settleAll(sim: Sim, host: HostDoc, nowMs: number): void {
  for (const machine of machineDocs(sim.world, host.uid)) {
    const now = settled(machine, host, nowMs);
    if (now === machine) continue;
    sim.world.put('machines', host.uid, machine.id, now);
    sim.changed('machine', host.uid, machine.id);
  }
}

/** Gives back a token of a host's lease, and takes the next. */
export function renewLease(sim: Sim, host: HostDoc, context: MutationContext, token: string): HostLease {
  checkFence('context.fence', context.fence);
  if (token.length > MAX_TOKEN) throw fieldInvalid('token', `must have at most ${MAX_TOKEN} characters`);
  return sim.world.write(() => {
    passLeader(sim.world, context.fence);
    const nowMs = sim.clock.now();
    settleAll(sim, host, nowMs);
    const given = readToken(host, token);
    const lease = given !== undefined && comesInTime(given, host, nowMs) ? given : host.lease;
    if (lease !== undefined && lease !== host.lease) sim.world.put('endpoints', 'machine', host.uid, { ...host, lease });
    const inForceMs = lease?.durationMs ?? 0;
    // Whether machines are under it is something to be seen of them.
    if (inForceMs > 0 !== (host.lease?.durationMs ?? 0) > 0) sim.changed('host', host.uid, '');
    const holds = lease !== undefined && nowMs < leaseEndMs({ lease }) && inForceMs > 0;
    return { token: tokenOf(host, lease, nowMs), offeredMs: host.config.leaseMs, inForceMs, holds };
  });
}

/** Refuses what would make a leased machine run while nothing would stop it. */
export function checkLeaseHolds(sim: Sim, host: HostDoc, { description }: Pick<MachineDoc, 'description'>): void {
  if (description.leased !== true) return;
  const inForce = (host.lease?.durationMs ?? 0) > 0;
  if (!inForce && host.config.leaseMs === 0) return;
  if (inForce && sim.clock.now() < leaseEndMs(host)) return;
  throw new DriverError('ABORTED', 'LEASE_LAPSED', `the lease of the host ${host.name} does not hold: nobody has renewed it`);
}
