import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { nameList } from '../../../apis/meta/sentence.ts';
import type { Machine } from '../../../drivers/contract/machine.ts';
import { diskChanges, ensureMachine, tellLetGo, waitForDisks } from './disks.ts';
import type { VmFacts } from './facts.ts';
import { planMove } from './move.ts';
import { loopOf } from './relapse.ts';
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
  'lease-expired': ['GuestRestarts', 'starting it again: its host had stopped it, because the lease of the host ran out'],
} as const;

const QUEUED: Conclusion = {
  status: 'False',
  reason: 'StartQueued',
  message: 'waits for its turn: its host and its pools start what has crashed one after another, the most needed first',
};

/** Starts a machine that stands still, or leaves it, as declared. */
export function planStopped(vm: VirtualMachine, facts: VmFacts, machine: Machine): Conclusion {
  const { spec, status } = vm;
  const { wanted, extra, frozen } = diskChanges(facts, machine);
  const drifted = machine.drift.length > 0;
  if (!spec.running) {
    const move = planMove(vm, facts, 'placement');
    if (move !== undefined) return { ...move, restartToken: null };
    if (drifted && spec.driftPolicy === 'Observe') {
      return { status: 'False', reason: 'Drifted', message: `somebody changed ${nameList(machine.drift)}`, restartToken: null };
    }
    // Beside drift, only so that a disk that is no longer declared can go to another VM.
    const steps = (drifted || extra.length > 0) && !frozen ? ensureMachine(vm, facts, wanted) : tellLetGo(vm, facts, machine);
    return { status: 'True', reason: 'Stopped', message: 'as declared', restartToken: null, steps };
  }
  if (staysOff(vm, machine)) {
    const message = 'the guest shut itself down, and restartPolicy is OnFailure; a new restartToken starts it';
    return { status: 'True', reason: 'GuestShutdown', message };
  }
  // What crashed has its room: only a start that somebody asked for may ask for more of it.
  const again = machine.stopCause === 'crashed' || machine.stopCause === 'guest-shutdown' || machine.stopCause === 'lease-expired';
  const move = planMove(vm, facts, again ? 'placement' : 'placement and room');
  if (move !== undefined) return move;
  const waits = waitForDisks(facts);
  if (waits !== undefined) return { ...waits, steps: tellLetGo(vm, facts, machine) };
  const asked = status.restartToken !== spec.restartToken;
  const [reason, message] = asked ? STARTS.requested : STARTS[machine.stopCause ?? 'requested'];
  const { waitMs = 0 } = facts.relapses ?? {};
  const said: Conclusion = loopOf(facts.relapses) ?? { status: 'False', reason, message, also: 'moving' };
  if (waitMs > 0) return { ...said, lookAgainMs: waitMs };
  const { startInMs = 0 } = facts;
  if (startInMs > 0) return { ...QUEUED, lookAgainMs: startInMs };
  return {
    ...said,
    restartToken: spec.restartToken,
    // Described anew, unless that would repair what is only to be reported: the generation that the machine follows may be that of the stop,
    // which describes nothing.
    steps: [...(drifted && spec.driftPolicy === 'Observe' ? [] : ensureMachine(vm, facts, wanted)), { do: 'start-machine' }],
  };
}
