/**
 * The lease of a host: what stops its leased machines (`MachineSpec.leased`) when nobody who leads renews it, so that they may run elsewhere.
 *
 * Time counts from when the host gave out the token that comes back, by the host's own monotonic clock, which goes on while the host is suspended.
 * Who gives a token back had received it, so for whoever counts `offeredMs` from the last answer received, every leased machine stands still at
 * the end of that, however many answers were lost and however late a request arrives.
 *
 * The promise is about machines, not about the agent: by then they stand still also where the driver's process hangs, was killed or is frozen.
 * Something that needs no living agent has to see to it, such as a watchdog that resets the host and is fed for as long as the lease holds. Who
 * stops machines only from a process beside them cannot promise that, and does not declare the capability. A host that can itself be frozen as a
 * whole, as a virtual one can, keeps the promise only by a watchdog outside of it.
 *
 * The lease outlives the driver's process, and ends with the boot of the host. That it has stopped machines is told (Watch) when it is renewed again,
 * at the latest.
 */
export interface HostLease {
  /** To be given back in the next Renew; opaque, at most 253 characters. */
  readonly token: string;
  /** How long leased machines may run from when this token was given out, once it comes back; 0: the host has no lease, and that ends the one in force. It changes only with the configuration, the driver's process or the boot. */
  readonly offeredMs: number;
  /** The same of the newest token that came back; 0: no lease is in force, and nothing stops a machine. */
  readonly inForceMs: number;
  /** Whether the lease in force has not run out. While none holds that is offered or in force, Start and Ensure of leased machines are ABORTED/LEASE_LAPSED. */
  readonly holds: boolean;
}

/** The longest token. */
export const MAX_TOKEN = 253;
