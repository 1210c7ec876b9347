import type { HostFence } from '../../apis/infra/v1alpha1/host/fence.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { HostLease } from '../../drivers/contract/lease.ts';
import type { HostFacts, PlacedVm, Silence } from './plan-facts.ts';
import { driverDigest } from './plan-reached.ts';

/** How much longer than the lease its end is waited for: clocks differ in their rate, and the moment of a stop is not that of its order. */
const MARGIN_PERCENT = 10;
const MARGIN_MS = 1000;

/** Whether nothing stops machines of the host, now or once its token comes back. */
export function hasNone({ offeredMs, inForceMs }: HostLease): boolean {
  return offeredMs === 0 && inForceMs === 0;
}

/**
 * Whether a token may come back now. What is recorded is what the end of the lease is counted by, so it is recorded before it is longer, and is
 * recorded no more before there is none.
 */
export function mayReturn({ status }: Host, { offeredMs }: HostLease): boolean {
  const { leaseSeconds } = status;
  return leaseSeconds === undefined || (offeredMs > 0 && offeredMs <= leaseSeconds * 1000);
}

/** The seconds to be recorded: of a lease that is in force, and stays. While the host is not asked because it is proven dead, as before. */
export function leaseSecondsAfter({ status }: Host, lease: HostLease | undefined): number | undefined {
  if (lease === undefined) return status.fence === undefined ? undefined : status.leaseSeconds;
  if (lease.offeredMs === 0 || lease.inForceMs === 0) return undefined;
  return Math.ceil(Math.max(lease.offeredMs, lease.inForceMs) / 1000);
}

/** Whether the host has stopped its leased machines by itself, as far as this leader's own clock tells. */
export function hasRunOut(host: Host, silence: Silence | undefined): boolean {
  const { leaseSeconds, bootId, driver } = host.status;
  if (silence === undefined || leaseSeconds === undefined || bootId === undefined) return false;
  // Another driver's answers say nothing about the machines of the one before.
  if (driver?.reached !== driverDigest(host)) return false;
  return silence.unrenewedMs >= leaseSeconds * (1000 + MARGIN_PERCENT * 10) + MARGIN_MS;
}

/** VMs that may run elsewhere because the lease has stopped their machines. */
export function leasedHeirs({ placed, leased }: HostFacts): readonly PlacedVm[] {
  return placed.filter(({ uid, reschedules }) => reschedules && leased.has(uid));
}

/** The proof that a lease gives: about the machines that were under it, and no others. It names more of them as they are known. */
export function leaseFence(host: Host, facts: HostFacts, before: HostFence | undefined): HostFence | undefined {
  const { silence, zone, refuge, leased } = facts;
  const { leaseSeconds = 0, bootId = '' } = host.status;
  const known = before?.evidence === 'LeaseExpired' ? before : undefined;
  const machines = [...new Set([...(known?.machines ?? []), ...leased])].sort();
  if (known !== undefined) return { ...known, machines };
  if (!hasRunOut(host, silence) || zone === undefined || (silence?.recordedMs ?? 0) < zone.failover.afterSeconds * 1000) return undefined;
  if (zone.failover.mode !== 'Automatic' || !refuge || leasedHeirs(facts).length === 0) return undefined;
  const message = `its lease of ${leaseSeconds} s ran out without an answer, so it has stopped the machines that were under it`;
  return { bootId, evidence: 'LeaseExpired', message, machines };
}
