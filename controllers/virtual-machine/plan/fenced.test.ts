import { planVirtualMachine } from '../plan.ts';
import { candidate, checkRow, claims, disk, facts, known, machine, OFF, placed, roomless, started, vm, waits } from './test-rows.ts';
import type { Row } from './test-rows.ts';

const down = { ...candidate, ready: false };
const dead = { host: { candidate: down, hostId: 'h-1', fence: 'PowerOff', cleaning: true } } as const;
const back = { candidate: down, hostId: 'h-1', cleaning: true } as const;
const local = { ...disk, pool: { name: 'pool-h', scope: { host: 'host-1' }, protocols: ['sim'] } };

const ROWS: readonly Row[] = [
  { why: 'its place is given up', status: started, facts: dead, stage: 'Fenced', reason: 'HostFailed' },
  {
    why: 'its place is given up also where its disks were still waited for',
    status: started,
    facts: { ...dead, disks: [waits] },
    stage: 'Fenced',
    reason: 'HostFailed',
  },
  {
    why: 'under Wait it waits',
    spec: { onHostFailure: 'Wait' },
    status: started,
    facts: dead,
    stage: 'Fenced',
    reason: 'HostFailed',
    phase: 'Failed',
  },
  { why: 'under Fail it stays off', spec: { onHostFailure: 'Fail' }, status: started, facts: dead, stage: 'Fenced', reason: 'HostFailed' },
  {
    why: 'a disk in a pool of that host keeps it there',
    status: started,
    facts: { ...dead, disks: [local] },
    stage: 'Fenced',
    reason: 'HostFailed',
  },
  {
    why: 'what shall not run lets go, wherever its disks are, and is as declared',
    spec: { ...OFF, onHostFailure: 'Wait' },
    status: started,
    facts: { ...dead, disks: [local] },
    stage: 'Fenced',
    reason: 'Stopped',
    ready: 'True',
  },
  {
    why: 'what is deleted may go',
    status: started,
    deleting: true,
    facts: dead,
    stage: 'Deleting',
    reason: 'Deleting',
    finalizer: 'release',
  },
  {
    why: 'a claim that nobody has checked is withdrawn, as from any host that is down',
    status: claims,
    facts: { ...dead, ...roomless },
    stage: 'Unverified',
    reason: 'Unschedulable',
  },
  {
    why: 'nothing is started on a host that is back before it is clean',
    status: started,
    facts: { ...known(machine({ power: 'stopped', stopCause: 'crashed' })), host: back },
    stage: 'Stopped',
    reason: 'HostFailed',
  },
  {
    why: 'nothing is removed from a host that is back before it is clean',
    status: started,
    deleting: true,
    facts: { ...known(machine({ power: 'stopped', stopCause: 'crashed' })), host: back },
    stage: 'Deleting',
    reason: 'HostFailed',
  },
  {
    why: 'a host that is silent and not proven dead keeps its VM',
    status: started,
    facts: { host: { candidate: down, hostId: 'h-1' }, machine: { known: false, because: 'hung', code: 'UNAVAILABLE', reason: 'BACKEND' } },
    stage: 'Unseen',
    reason: 'HostUnreachable',
    ready: 'Unknown',
  },
];

describe('a VM whose host is proven dead', () => {
  test.each(ROWS)('$why', checkRow);

  const hostAfter = (spec: object, more: object = {}, status: object = started): string | undefined =>
    planVirtualMachine(vm({ spec, status }), facts({ ...dead, ...more })).status.host;

  test('keeps its place where it waits, stays off or cannot go, and only there', () => {
    expect(hostAfter({ onHostFailure: 'Wait' })).toBe('host-1');
    expect(hostAfter({ onHostFailure: 'Fail' })).toBe('host-1');
    expect(hostAfter({}, { disks: [local] })).toBe('host-1');
    expect(hostAfter({})).toBeUndefined();
    expect(hostAfter(OFF)).toBeUndefined();
  });

  test('under Fail goes elsewhere for a new restartToken, and where nothing was ever started', () => {
    expect(hostAfter({ onHostFailure: 'Fail', restartToken: 'again' })).toBeUndefined();
    expect(hostAfter({ onHostFailure: 'Fail' }, {}, placed)).toBeUndefined();
  });

  test('keeps the epoch of the place that it gave up, so that the next one is higher', () => {
    const { status } = planVirtualMachine(vm({ status: started }), facts(dead));
    expect([status.host, status.placementEpoch]).toEqual([undefined, 1]);
    expect(status.conditions.find(({ type }) => type === 'Scheduled')?.status).toBe('False');
  });

  test('says by which proof, and what it waits for', () => {
    const said = planVirtualMachine(vm({ status: started }), facts({ ...dead, disks: [local] })).status.conditions[0]?.message;
    expect(said).toBe(
      'Host host-1 is proven dead (PowerOff); it waits for the host, because Volume data-1 is in StoragePool pool-h of that host alone',
    );
  });
});
