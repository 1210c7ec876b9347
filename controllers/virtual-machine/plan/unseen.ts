import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { VmFacts } from './facts.ts';
import type { Conclusion } from './say.ts';

const LOOK_MS = 5000;

/** What to say while nobody can tell what the machine does: ignorance takes no step. */
export function planUnseen({ status }: VirtualMachine, { zone, host, machine }: VmFacts): Conclusion {
  const name = status.host ?? '';
  if (zone === 'absent') {
    return { status: 'Unknown', reason: 'ZoneNotFound', message: `there is no Zone ${status.zone ?? ''}: nobody leads Host ${name}` };
  }
  if (host === undefined) {
    return { status: 'Unknown', reason: 'HostNotFound', message: `Host ${name} is gone: nobody can tell what became of the machine` };
  }
  const unreachable = (because: string): Conclusion => {
    return { status: 'Unknown', reason: 'HostUnreachable', message: `Host ${name}: ${because}`, lookAgainMs: LOOK_MS };
  };
  if (machine?.known === true) return unreachable('the machine does not answer');
  return unreachable(machine === undefined ? 'its driver was not asked' : `its driver does not answer: ${machine.because}`);
}
