import { planVirtualMachine } from '../plan.ts';
import { checkRow, facts, known, machine, silent, vm } from './test-rows.ts';
import type { Row } from './test-rows.ts';
import type { Adoptable } from './facts.ts';

const spec = { adopt: 'old-1', placement: { zone: 'zone-1' } };
const there: Adoptable = { state: 'there', from: 'm-0', disks: ['v-1'] };
const can = { capabilities: ['machine.adopt'] };
const placed = {
  ...{ zone: 'zone-1', host: 'host-1', placementEpoch: 1 },
  conditions: [
    { type: 'Scheduled', status: 'True', reason: 'Scheduled', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ] as const,
};
const status = { ...placed, conditions: [...placed.conditions] };

const ROWS: readonly Row[] = [
  { why: 'goes to the host that lists it', spec, facts: { adoptHosts: ['host-1'] }, stage: 'Adopting', reason: 'Adopting' },
  { why: 'waits where no host lists it', spec, facts: { adoptHosts: [] }, stage: 'Adopting', reason: 'NotAdoptable', stalled: true },
  {
    why: 'does not guess where two hosts list it',
    ...{ spec, facts: { adoptHosts: ['host-1', 'host-2'] }, stage: 'Adopting', reason: 'NotAdoptable', stalled: true },
  },
  {
    why: 'is taken in where nobody manages it',
    ...{ spec, status, facts: { ...known(), ...can, adoptable: there }, stage: 'Adopting', reason: 'Adopting', steps: ['adopt-machine'] },
  },
  {
    why: 'is not taken from another VM',
    ...{ spec, status, facts: { ...known(), ...can, adoptable: { state: 'managed', by: 'default/a' } } },
    ...{ stage: 'Adopting', reason: 'NotAdoptable', stalled: true },
  },
  {
    why: 'is not taken from another namespace',
    ...{ spec, status, facts: { ...known(), ...can, adoptable: { state: 'elsewhere', namespace: 'them' } } },
    ...{ stage: 'Adopting', reason: 'NotAdoptable', stalled: true },
  },
  {
    why: 'is not taken in with a disk that is not declared, because that would be detached',
    ...{ spec, status, facts: { ...known(), ...can, adoptable: { ...there, disks: ['v-1', 'v-7'] } } },
    ...{ stage: 'Adopting', reason: 'NotAdoptable', stalled: true },
  },
  {
    why: 'cannot be taken in by a driver that cannot',
    ...{ spec, status, facts: { ...known(), adoptable: there }, stage: 'Adopting', reason: 'NotSupported', stalled: true },
  },
  { why: 'sees no call from ignorance', spec, status, facts: silent, stage: 'Unseen', reason: 'HostUnreachable', ready: 'Unknown' },
  {
    why: 'follows what is declared from then on',
    ...{ spec, status, facts: known(machine({ generation: 0 })), stage: 'Running', reason: 'Preparing', steps: ['ensure-machine'] },
  },
  {
    why: 'is made anew when it was taken in before and is gone',
    ...{ spec, status: { ...status, adopted: 'old-1' }, facts: known(), stage: 'Absent', reason: 'Preparing' },
    steps: ['ensure-machine', 'start-machine'],
  },
];

describe('A machine that a VM takes in', () => {
  test.each(ROWS)('$why', (row) => {
    checkRow(row);
  });

  test('is known as taken in from when it was seen, and for good', () => {
    expect(planVirtualMachine(vm({ spec, status }), facts(known(machine()))).status.adopted).toBe('old-1');
    expect(planVirtualMachine(vm({ spec, status: { ...status, adopted: 'old-1' } }), facts(known())).status.adopted).toBe('old-1');
    expect(planVirtualMachine(vm({ spec, status }), facts({ ...known(), adoptable: there })).status.adopted).toBeUndefined();
  });
});
