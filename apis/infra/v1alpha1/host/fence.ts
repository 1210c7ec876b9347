import type { Host } from './schema.ts';

export type HostFence = NonNullable<Host['status']['fence']>;

/** The proof that nothing placed on the host runs any more; a fence for another boot than the last one seen proves nothing. */
export function coveringFence({ status }: Pick<Host, 'status'>): HostFence | undefined {
  return status.fence?.bootId === status.bootId ? status.fence : undefined;
}
