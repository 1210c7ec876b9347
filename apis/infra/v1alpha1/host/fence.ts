import type { Host } from './schema.ts';

export type HostFence = NonNullable<Host['status']['fence']>;

/** The proof that the host is dead; a fence for another boot than the last one seen proves nothing. */
export function coveringFence({ status }: Pick<Host, 'status'>): HostFence | undefined {
  return status.fence?.bootId === status.bootId ? status.fence : undefined;
}

/** The proof that the machine of this uid does not run on the host any more: a lease proves it only of machines that were under it. */
export function fenceOver(host: Pick<Host, 'status'>, machine: string): HostFence | undefined {
  const fence = coveringFence(host);
  return fence?.evidence === 'LeaseExpired' && fence.machines?.includes(machine) !== true ? undefined : fence;
}
