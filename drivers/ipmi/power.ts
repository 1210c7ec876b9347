import type { Clock } from '../contract/clock.ts';
import type { PowerService } from '../contract/driver.ts';
import type { CallContext, MutationContext } from '../contract/fence.ts';
import { checkFence } from '../contract/names.ts';
import type { KeyedLock } from '../contract/keyed-lock.ts';
import type { Bmc } from './bmc.ts';
import { admit } from './fence-file.ts';

/** A host whose BMC a session is open on. */
export interface PowerEndpoint {
  readonly uid: string;
  readonly bmc: Bmc;
  /** Where the fences that were seen are kept. */
  readonly fences: string;
}

const LOOK_MS = 500;

async function until(state: 'on' | 'off', { bmc }: PowerEndpoint, clock: Clock, signal: AbortSignal): Promise<void> {
  while ((await bmc.status(signal)) !== state) await clock.sleep(LOOK_MS, signal);
}

/** The power of hosts by their BMCs: what is switched has been seen to be so, or the call fails. */
export function createPowerService(find: (context: CallContext) => PowerEndpoint, lock: KeyedLock, clock: Clock): PowerService {
  const change = async (context: MutationContext, act: (endpoint: PowerEndpoint) => Promise<void>, signal: AbortSignal): Promise<void> => {
    checkFence('context.fence', context.fence);
    const endpoint = find(context);
    using _held = lock.hold(endpoint.uid);
    await admit(endpoint.fences, context, signal);
    await act(endpoint);
  };
  const become = (state: 'on' | 'off', context: MutationContext, signal: AbortSignal): Promise<void> =>
    change(
      context,
      async (endpoint) => {
        if ((await endpoint.bmc.status(signal)) === state) return;
        await endpoint.bmc.tell(state, signal);
        await until(state, endpoint, clock, signal);
      },
      signal,
    );
  return {
    status: async (context, signal) => find(context).bmc.status(signal),
    on: (context, signal) => become('on', context, signal),
    off: (context, signal) => become('off', context, signal),
    reset: (context, signal) =>
      change(
        context,
        async (endpoint) => {
          // A BMC refuses to reset what is off.
          await endpoint.bmc.tell((await endpoint.bmc.status(signal)) === 'on' ? 'reset' : 'on', signal);
          await until('on', endpoint, clock, signal);
        },
        signal,
      ),
  };
}
