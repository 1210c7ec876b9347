import { planVirtualMachine } from '../plan.ts';
import { among, candidate, checkRow, facts, host, known, machine, neighbour, OFF, ONCE, started, stopped, vm } from './test-rows.ts';
import type { Row } from './test-rows.ts';

const drained = { ...host, candidate: { ...candidate, maintenance: true } };
const refuge = { ...candidate, name: 'host-2' };
const RESTART = { onMaintenance: 'Restart' };
const turn = { host: drained, evacuates: true, ...among([drained.candidate, refuge]) } as const;
const crowded = { ...turn, ...among([drained.candidate, refuge], [{ ...neighbour, host: 'host-2' }]) };

const ROWS: readonly Row[] = [
  {
    why: 'what may be restarted is asked to stop, gently, once another host has room',
    spec: RESTART,
    status: started,
    facts: { ...turn, ...known(machine()) },
    stage: 'Running',
    reason: 'Evacuating',
    steps: ['stop-machine'],
    phase: 'Stopping',
  },
  {
    why: 'a stop under way is waited for',
    spec: RESTART,
    status: started,
    facts: { ...turn, ...known(machine({ stoppingSinceMs: 1 })) },
    stage: 'Running',
    reason: 'Evacuating',
  },
  {
    why: 'where no other host has room it runs on, and is ready',
    spec: RESTART,
    status: started,
    facts: { ...crowded, ...known(machine()) },
    stage: 'Running',
    reason: 'Running',
    ready: 'True',
  },
  {
    why: 'what may not be stopped, or whose turn it is not, runs on',
    status: started,
    facts: { host: drained, ...known(machine()) },
    stage: 'Running',
    reason: 'Running',
    ready: 'True',
  },
  {
    why: 'a paused machine is not stopped, for its guest could not hear',
    spec: RESTART,
    status: started,
    facts: { ...turn, ...known(machine({ power: 'paused' })) },
    stage: 'Running',
    reason: 'DriverFailed',
  },
  {
    why: 'once it stands still it is removed there',
    spec: RESTART,
    status: started,
    facts: { ...turn, ...stopped('requested') },
    stage: 'Stopped',
    reason: 'Moving',
    steps: ['delete-machine'],
  },
  {
    why: 'it is started where it is, when the room elsewhere is gone',
    spec: RESTART,
    status: started,
    facts: { ...crowded, ...stopped('requested') },
    stage: 'Stopped',
    reason: 'Starting',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'it is started where it is, when the maintenance was taken back',
    spec: RESTART,
    status: started,
    facts: stopped('requested'),
    stage: 'Stopped',
    reason: 'Starting',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'what shut itself down for good is not started elsewhere',
    spec: { ...RESTART, ...ONCE },
    status: started,
    facts: { ...turn, ...stopped('guest-shutdown') },
    stage: 'Stopped',
    reason: 'GuestShutdown',
    ready: 'True',
  },
  {
    why: 'what shall not run is removed there, whatever it says of maintenance',
    spec: OFF,
    status: started,
    facts: { host: drained, ...stopped('requested') },
    stage: 'Stopped',
    reason: 'Moving',
    steps: ['delete-machine'],
  },
  {
    why: 'without a machine it leaves, and one that is still being made is stopped from coming',
    status: started,
    facts: { host: drained, ...known() },
    stage: 'Absent',
    reason: 'Moving',
    steps: ['delete-machine'],
  },
];

describe('a VM on a host in maintenance', () => {
  test.each(ROWS)('$why', checkRow);

  test('gives its place up only after the machine was removed there', () => {
    const plan = planVirtualMachine(vm({ spec: RESTART, status: started }), facts({ ...turn, ...stopped('requested') }));
    expect(plan.status.host).toBe('host-1');
    expect(plan.afterSteps?.host).toBeUndefined();
    expect(plan.afterSteps?.placementEpoch).toBe(1);
  });

  test('says why it stays, in a condition that keeps no other waiting', () => {
    const { status } = planVirtualMachine(vm({ spec: RESTART, status: started }), facts({ ...crowded, ...known(machine()) }));
    const scheduled = status.conditions.find(({ type }) => type === 'Scheduled');
    expect(scheduled).toMatchObject({ status: 'True', reason: 'NoCapacity' });
    expect(scheduled?.message).toBe(
      'stays on Host host-1, which is in maintenance: 0 of 2 hosts fit: 1 has too few CPUs, 1 is in maintenance',
    );
  });
});
