import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { HostLease } from '../../drivers/contract/lease.ts';
import type { Sessions } from '../../drivers/contract/sessions.ts';
import type { Round } from '../runtime/controller.ts';
import { changing, openEndpoint, serviceOf } from '../runtime/device.ts';
import { hasNone, mayReturn } from './plan-lease.ts';
import type { Vigil } from './vigil.ts';

interface Renewing {
  readonly sessions: Sessions;
  readonly vigil: Vigil;
  readonly clock: Clock;
  readonly host: Host;
  readonly round: Round;
}

/**
 * Lets the lease of a host go on, where it can have one, by giving back the token that it gave this leader last; where it does not hold, by the one
 * that it gives now. Undefined: it has none, or is proven dead: until it was cleaned, nothing may run there.
 */
export async function renewLease({ sessions, vigil, clock, host, round }: Renewing, signal: AbortSignal): Promise<HostLease | undefined> {
  const { metadata, status } = host;
  // Not in the line of other calls: they may hang, and nothing may lie between the check and the call.
  const { visit: _visit, ...authority } = round.authority;
  const session = await openEndpoint(sessions, 'machine', host, authority, signal);
  if (!session.capabilities.includes('host.lease') || status.fence !== undefined) return undefined;
  const hosts = serviceOf(session.driver.host, 'hosts');
  const { epoch } = round.authority;
  const offeredBy = `${metadata.generation} ${status.bootId ?? ''} ${session.info.instance}`;
  const last = vigil.lastRenewal(metadata.uid, epoch);
  // Most hosts have no lease, and there are many of them.
  if (last?.offeredBy === offeredBy && hasNone(last.lease)) return last.lease;
  const renew = async (given: HostLease | undefined): Promise<HostLease> => {
    const token = given !== undefined && mayReturn(host, given) ? given.token : '';
    // No token that came while this process led may leave once another one leads, because that counts from its own beginning.
    round.check();
    const lease = await hosts.renew(changing(session, round, { metadata, cause: 'renew-lease' }), token, signal);
    vigil.renewed(metadata.uid, { epoch, lease, offeredBy, atMs: clock.monotonic() });
    return lease;
  };
  const lease = await renew(last?.lease);
  return lease.holds || lease.offeredMs === 0 ? lease : renew(lease);
}
