import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VmFacts } from './facts.ts';
import { PLACELESS } from './placement.ts';
import type { Conclusion } from './say.ts';

/** Lets go of a place whose machine is proven dead: what runs next has a higher placement epoch. */
function giveUp(message: string): Conclusion {
  return {
    ...{ status: 'False', reason: 'HostFailed', message, also: 'moving', placement: null },
    scheduled: { status: 'False', reason: 'HostFailed', message },
  };
}

/** What becomes of a VM whose machine is proven dead with its host, as its onHostFailure says. */
export function planFenced({ spec, status }: VirtualMachine, { host, disks }: VmFacts): Conclusion {
  const name = status.host ?? '';
  const dead = `Host ${name} is proven dead (${host?.fence ?? ''})`;
  const stays = (message: string): Conclusion => ({ status: 'False', reason: 'HostFailed', message: `${dead}; ${message}` });
  if (!spec.running) return { ...PLACELESS, placement: null };
  // A token that nothing was started for yet asks for a start, wherever that may be.
  const asked = status.restartToken !== spec.restartToken;
  if (spec.onHostFailure === 'Wait') return stays('onHostFailure is Wait: it waits for the host');
  if (spec.onHostFailure === 'Fail' && !asked) {
    return stays('onHostFailure is Fail: it stays off until the host is back, or a new restartToken starts it elsewhere');
  }
  const local = disks.find(({ pool }) => pool?.scope.host === name);
  if (local !== undefined) {
    return stays(`it waits for the host, because Volume ${local.volume} is in StoragePool ${local.pool?.name ?? ''} of that host alone`);
  }
  return giveUp(`${dead}: looking for another`);
}
