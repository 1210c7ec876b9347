import { candidate, waits, nowhere, neighbour, machine, known, silent, claims, placed, started, OFF, checkRow } from './test-rows.ts';
import type { Row } from './test-rows.ts';

const ROWS: readonly Row[] = [
  {
    why: 'a zone that is not there is named',
    spec: { placement: { zone: 'z' } },
    facts: { zone: 'absent' },
    stage: 'Homeless',
    reason: 'ZoneNotFound',
  },
  {
    why: 'a VM without a place that shall not run is as declared',
    spec: OFF,
    facts: { candidates: [candidate] },
    stage: 'Unplaced',
    reason: 'Stopped',
    ready: 'True',
    phase: 'Stopped',
  },
  {
    why: 'a VM waits for volumes that are not there before it takes a place',
    facts: { disks: [nowhere] },
    stage: 'Unplaced',
    reason: 'VolumeNotFound',
  },
  {
    why: 'a VM that fits nowhere says why',
    facts: { candidates: [{ ...candidate, ready: false }] },
    stage: 'Unplaced',
    reason: 'Unschedulable',
    phase: 'Scheduling',
  },
  {
    why: 'what no host can do waits for a person',
    facts: { candidates: [{ ...candidate, capabilities: [] }] },
    stage: 'Unplaced',
    reason: 'NotSupported',
    stalled: true,
  },
  { why: 'a place is claimed before it is used', facts: { candidates: [candidate] }, stage: 'Unplaced', reason: 'Scheduled' },
  { why: 'a claim that holds is verified before the first call', status: claims, facts: known(), stage: 'Unverified', reason: 'Scheduled' },
  {
    why: 'a claim on a host that is down is withdrawn, because nothing was sent there',
    status: claims,
    facts: { ...silent, host: { candidate: { ...candidate, ready: false } } },
    stage: 'Unverified',
    reason: 'Unschedulable',
  },
  {
    why: 'a claim on a host that is gone is withdrawn, because nothing was sent there',
    status: claims,
    facts: { host: undefined as never },
    stage: 'Unverified',
    reason: 'Unschedulable',
  },
  {
    why: 'a place that was verified is kept while its host is down, because a machine may be there',
    status: placed,
    facts: { ...silent, host: { candidate: { ...candidate, ready: false } } },
    ...{ stage: 'Unseen', reason: 'HostUnreachable', ready: 'Unknown' },
  },
  {
    why: 'a claim that does not fit is withdrawn',
    status: claims,
    facts: { ...known(), placed: [neighbour] },
    stage: 'Unverified',
    reason: 'Unschedulable',
  },
  {
    why: 'a VM waits for its claims',
    status: placed,
    facts: { ...known(), disks: [waits] },
    stage: 'Absent',
    reason: 'WaitingForClaims',
    phase: 'WaitingForDisks',
  },
  {
    why: 'a VM whose disks are its own is made and started',
    status: placed,
    facts: known(),
    stage: 'Absent',
    reason: 'Preparing',
    steps: ['ensure-machine', 'start-machine'],
    phase: 'Starting',
  },
  {
    why: 'a placed VM that shall not run is not made',
    spec: OFF,
    status: placed,
    facts: known(),
    stage: 'Absent',
    reason: 'Stopped',
    ready: 'True',
  },
  {
    why: 'ignorance is not absence: a silent host takes no step',
    status: started,
    facts: silent,
    stage: 'Unseen',
    reason: 'HostUnreachable',
    ready: 'Unknown',
    phase: 'Unknown',
  },
  {
    why: 'a machine that does not answer is not a stopped one',
    status: started,
    facts: known(machine({ power: 'unknown' })),
    stage: 'Unseen',
    reason: 'HostUnreachable',
    ready: 'Unknown',
  },
  {
    why: 'a host whose object is gone is ignorance',
    status: started,
    facts: { host: undefined as never },
    stage: 'Unseen',
    reason: 'HostNotFound',
    ready: 'Unknown',
  },
  {
    why: 'a refused step waits for a person',
    status: placed,
    facts: { ...known(), refused: { step: 'ensure-machine', message: 'boot.kernel: no such kernel' } },
    stage: 'Absent',
    reason: 'Refused',
    stalled: true,
    phase: 'Failed',
  },
  {
    why: 'a secret as user data is not supported yet',
    spec: { userData: { secretRef: 's' } },
    stage: 'Unsupported',
    reason: 'NotSupported',
    stalled: true,
  },
];

describe('A VM on its way to a machine', () => {
  test.each(ROWS)('$why', (row) => {
    checkRow(row);
  });
});
