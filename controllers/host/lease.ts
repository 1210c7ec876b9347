import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { HostLease } from '../../drivers/contract/lease.ts';
import type { OpenSession } from '../../drivers/contract/sessions.ts';
import type { Round } from '../runtime/controller.ts';
import { changing, serviceOf } from '../runtime/device.ts';
import { mayReturn } from './plan-lease.ts';
import type { Vigil } from './vigil.ts';

interface Renewing {
  readonly vigil: Vigil;
  readonly clock: Clock;
  readonly host: Host;
  readonly round: Round;
}

/**
 * Lets the lease of a host go on, where it can have one, by giving back the token that it gave this leader last; where it does not hold, by the one
 * that it gives now. Undefined: it has none, or is proven dead: until it was cleaned, nothing may run there.
 */
export async function renewLease(
  session: OpenSession,
  { vigil, clock, host, round }: Renewing,
  signal: AbortSignal,
): Promise<HostLease | undefined> {
  const { metadata, status } = host;
  if (!session.capabilities.includes('host.lease') || status.fence !== undefined) return undefined;
  const hosts = serviceOf(session.driver.host, 'hosts');
  const { epoch } = round.authority;
  const renew = async (given: HostLease | undefined): Promise<HostLease> => {
    const token = given !== undefined && mayReturn(host, given) ? given.token : '';
    // No token that came while this process led may leave once another one leads, because that counts from its own beginning.
    round.check();
    const lease = await hosts.renew(changing(session, round, { metadata, cause: 'renew-lease' }), token, signal);
    vigil.renewed(metadata.uid, { epoch, lease, atMs: clock.monotonic() });
    return lease;
  };
  const lease = await renew(vigil.lastRenewal(metadata.uid, epoch)?.lease);
  return lease.holds || lease.offeredMs === 0 ? lease : renew(lease);
}
