import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { Machine } from '../../../drivers/contract/machine.ts';
import { diskChanges, ensureMachine, waitForDisks } from './disks.ts';
import { exitOf } from './evacuation.ts';
import type { VmFacts } from './facts.ts';
import type { Conclusion } from './say.ts';

/** Whether the guest's own shutdown means that it stays off: until restartToken changes, or running was false in between. */
function staysOff({ spec, status }: VirtualMachine, { stopCause }: Machine): boolean {
  if (stopCause !== 'guest-shutdown' || spec.restartPolicy === 'Always') return false;
  // A start that was published and then lost is still to be made.
  const starting = status.conditions.some(({ type, reason }) => type === 'Ready' && reason === 'Starting');
  return status.restartToken === spec.restartToken && !starting;
}

const STARTS = {
  'never-started': ['Starting', 'starting it'],
  requested: ['Starting', 'starting it'],
  'guest-shutdown': ['GuestRestarts', 'starting it again after the guest shut itself down'],
  crashed: ['GuestRestarts', 'starting it again after a crash'],
} as const;

/** Starts a machine that stands still, or leaves it, as declared. */
export function planStopped(vm: VirtualMachine, facts: VmFacts, machine: Machine): Conclusion {
  const { spec, status } = vm;
  const { wanted, extra, frozen } = diskChanges(facts, machine);
  const drains = facts.host?.candidate.maintenance === true;
  if (!spec.running && drains) {
    const message = `as declared; leaves Host ${status.host ?? ''}, which is in maintenance`;
    return { status: 'True', reason: 'Stopped', message, restartToken: null, steps: [{ do: 'delete-machine' }] };
  }
  if (!spec.running) {
    // Only so that a disk that is no longer declared can go to another VM.
    const steps = extra.length > 0 && !frozen ? ensureMachine(vm, facts, wanted) : [];
    return { status: 'True', reason: 'Stopped', message: 'as declared', restartToken: null, steps };
  }
  if (staysOff(vm, machine)) {
    const message = 'the guest shut itself down, and restartPolicy is OnFailure; a new restartToken starts it';
    return { status: 'True', reason: 'GuestShutdown', message };
  }
  if (exitOf(vm, facts)?.may === true) {
    const message = `leaves Host ${status.host ?? ''}, which is in maintenance, to be started on another`;
    return { status: 'False', reason: 'Evacuating', message, also: 'moving', steps: [{ do: 'delete-machine' }] };
  }
  const waits = waitForDisks(facts);
  if (waits !== undefined) return waits;
  const asked = status.restartToken !== spec.restartToken;
  const [reason, message] = asked ? STARTS.requested : STARTS[machine.stopCause ?? 'requested'];
  return {
    ...{ status: 'False', reason, message, also: 'moving' },
    restartToken: spec.restartToken,
    // Always described anew: the generation that the machine follows may be that of the stop, which describes nothing.
    steps: [...ensureMachine(vm, facts, wanted), { do: 'start-machine' }],
  };
}
