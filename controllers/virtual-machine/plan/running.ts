import type { VirtualMachine } from '../../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { countOf, nameList } from '../../../apis/meta/sentence.ts';
import type { Machine } from '../../../drivers/contract/machine.ts';
import { diskChanges, ensureMachine, isOutdated, waitForDisks } from './disks.ts';
import { exitOf } from './evacuation.ts';
import type { DescribedDisk, VmFacts, VmStep } from './facts.ts';
import { whyStay } from './move.ts';
import { loopOf } from './relapse.ts';
import { isToRestart } from './restart.ts';
import type { Conclusion } from './say.ts';

const STOPPING_LOOK_MS = 2000;
const NO_ROOM_LOOK_MS = 10_000;

/** Whether a machine runs with exactly these disks, in this order. */
function runsWith(machine: Machine, wanted: readonly DescribedDisk[]): boolean {
  const same = (disk: Machine['disks'][number], at: number): boolean => {
    const one = wanted[at];
    return one?.uid === disk.uid && one.name === disk.name && one.readOnly === disk.readOnly;
  };
  return machine.disks.length === wanted.length && machine.disks.every(same);
}

/** Steps that bring a running machine nearer to what is declared, without stopping it. */
function adjust(vm: VirtualMachine, facts: VmFacts, machine: Machine): readonly VmStep[] {
  const { wanted, missing, extra, frozen } = diskChanges(facts, machine);
  const hostId = facts.host?.hostId;
  if (frozen || hostId === undefined) return [];
  const heard = machine.pendingChanges.includes('disks');
  const drifted = machine.drift.some((field) => field !== 'disks');
  // A description that came late differs from what runs, and that is what is declared.
  const misheard = heard && runsWith(machine, wanted);
  const outdated = isOutdated(vm, machine) || drifted || misheard || (!heard && missing.length + extra.length > 0);
  const can = (capability: string): boolean => facts.capabilities.includes(capability);
  const plugs: readonly VmStep[] = !can('machine.attach-disk')
    ? []
    : [
        ...extra.map((uid): VmStep => ({ do: 'detach-disk', uid })),
        ...missing.map((disk): VmStep => ({ do: 'attach-disk', hostId, disk })),
      ];
  const grows = facts.disks.flatMap(({ uid, growToBytes }): VmStep[] => {
    const attached = machine.disks.find((disk) => disk.uid === uid);
    const smaller = attached !== undefined && growToBytes !== undefined && attached.sizeBytes < growToBytes;
    return smaller && can('machine.grow-disk') ? [{ do: 'grow-disk', uid: attached.uid, sizeBytes: growToBytes }] : [];
  });
  return [...(outdated ? ensureMachine(vm, facts, wanted) : []), ...plugs, ...grows];
}

/** Keeps a running machine as declared, or asks its guest to stop. */
export function planRunning(vm: VirtualMachine, facts: VmFacts, machine: Machine): Conclusion {
  const { spec, status } = vm;
  const restarts = isToRestart(vm);
  const stays = restarts && machine.stoppingSinceMs === undefined ? whyStay(vm, facts) : undefined;
  if (stays !== undefined) {
    const message = `running; it is not stopped for its restart before it can start again: ${stays}`;
    return { status: 'False', reason: 'Unschedulable', message, lookAgainMs: NO_ROOM_LOOK_MS };
  }
  const exit = exitOf(vm, facts);
  const leaves = exit?.may === true && machine.power === 'running';
  if (machine.stoppingSinceMs !== undefined || !spec.running || restarts || leaves) {
    const [reason, message] = leaves
      ? (['Evacuating', `the guest is shutting down, to be started on another host: ${status.host ?? ''} is in maintenance`] as const)
      : spec.running
        ? (['Restarting', 'the guest is shutting down, to be started again'] as const)
        : (['Stopping', 'the guest is shutting down'] as const);
    const stopping: Conclusion = { status: 'False', reason, message, also: 'moving', lookAgainMs: STOPPING_LOOK_MS };
    if (machine.stoppingSinceMs !== undefined) return stopping;
    return { ...stopping, steps: [{ do: 'stop-machine', deadlineMs: spec.stopTimeoutSeconds * 1000 }] };
  }
  const restartToken = spec.restartToken;
  if (machine.power === 'paused') {
    const message = 'the machine is paused, as an engine does when a disk fails or is full: see its host';
    return { status: 'False', reason: 'DriverFailed', message, restartToken };
  }
  if (spec.driftPolicy === 'Observe' && machine.drift.length > 0) {
    return { status: 'False', reason: 'Drifted', message: `somebody changed ${nameList(machine.drift)}`, restartToken };
  }
  const steps = adjust(vm, facts, machine);
  if (steps.length > 0) {
    const message = `running; ${countOf(steps.length, 'change')} under way`;
    return { status: 'False', reason: 'Preparing', message, also: 'moving', restartToken, steps };
  }
  const waits = waitForDisks(facts);
  if (waits !== undefined) return { ...waits, message: `running; ${waits.message}`, restartToken };
  const well: Conclusion = { status: 'True', reason: 'Running', message: `on Host ${status.host ?? ''}` };
  const runs: Conclusion = { ...(loopOf(facts.relapses) ?? well), restartToken };
  if (exit?.may !== false) return runs;
  const message = `stays on Host ${status.host ?? ''}, which is in maintenance: ${exit.message}`;
  return { ...runs, message, lookAgainMs: NO_ROOM_LOOK_MS, scheduled: { status: 'True', reason: 'NoCapacity', message } };
}
