import { candidate, claims, host, machine, known, silent, stopped, placed, started, checkRow } from './test-rows.ts';
import type { Row } from './test-rows.ts';

const ROWS: readonly Row[] = [
  {
    why: 'a VM in a zone that nobody leads sees no call',
    ...{ status: started, deleting: true, facts: { ...known(machine()), zone: 'absent' } },
    ...{ stage: 'Deleting', reason: 'ZoneNotFound', ready: 'Unknown' },
  },
  {
    why: 'a silent host while a VM leaves keeps it',
    status: started,
    deleting: true,
    facts: silent,
    stage: 'Deleting',
    reason: 'HostUnreachable',
    ready: 'Unknown',
  },
  {
    why: 'a VM that only claimed a place goes at once, although its host is silent',
    ...{ status: claims, deleting: true, facts: silent, stage: 'Deleting', reason: 'Deleting', finalizer: 'release' },
  },
  {
    why: 'a VM that only claimed a place goes at once, although its host is gone',
    ...{ status: claims, deleting: true, facts: { host: undefined as never }, stage: 'Deleting', reason: 'Deleting', finalizer: 'release' },
  },
  { why: 'a VM that never had a place goes at once', deleting: true, stage: 'Deleting', reason: 'Deleting', finalizer: 'release' },
  {
    why: 'a running machine is stopped before it goes',
    status: started,
    deleting: true,
    facts: known(machine()),
    stage: 'Deleting',
    reason: 'Deleting',
    steps: ['stop-machine'],
    phase: 'Deleting',
  },
  {
    why: 'a machine that is stopping is waited for before it goes',
    status: started,
    deleting: true,
    facts: known(machine({ stoppingSinceMs: 1 })),
    stage: 'Deleting',
    reason: 'Deleting',
  },
  {
    why: 'a stopped machine is deleted',
    status: started,
    deleting: true,
    facts: stopped('requested'),
    stage: 'Deleting',
    reason: 'Deleting',
    steps: ['delete-machine'],
  },
  {
    why: 'deleting what is absent leaves a mark against a late Ensure, and lets the VM go',
    status: placed,
    deleting: true,
    facts: known(),
    stage: 'Deleting',
    reason: 'Deleting',
    steps: ['delete-machine'],
    finalizer: 'release',
  },
  {
    why: 'a machine that was handed back lets the VM go untouched',
    status: started,
    deleting: true,
    facts: known(machine({ released: true })),
    stage: 'Deleting',
    reason: 'Deleting',
    finalizer: 'release',
  },
  {
    why: 'a Disabled host keeps a VM that leaves',
    status: started,
    deleting: true,
    facts: { ...stopped('requested'), host: { ...host, candidate: { ...candidate, allocation: 'Disabled' } } },
    stage: 'Deleting',
    reason: 'HostDisabled',
  },
];

const GIVEN_UP = { abandon: { reason: 'burnt' } };

const ABANDONED: readonly Row[] = [
  {
    why: 'goes although its host is silent',
    ...{ spec: GIVEN_UP, status: started, deleting: true, facts: silent, stage: 'Deleting', reason: 'Abandoned', finalizer: 'release' },
  },
  {
    why: 'goes although its host is gone',
    ...{ spec: GIVEN_UP, status: started, deleting: true, facts: { host: undefined as never } },
    ...{ stage: 'Deleting', reason: 'Abandoned', finalizer: 'release' },
  },
  {
    why: 'goes although its machine does not answer',
    ...{ spec: GIVEN_UP, status: started, deleting: true, facts: known(machine({ power: 'unknown' })) },
    ...{ stage: 'Deleting', reason: 'Abandoned', finalizer: 'release' },
  },
  {
    why: 'is stopped and deleted as any other while its host answers',
    ...{ spec: GIVEN_UP, status: started, deleting: true, facts: known(machine()) },
    ...{ stage: 'Deleting', reason: 'Deleting', steps: ['stop-machine'] },
  },
  {
    why: 'goes when the driver has refused for good to remove its machine',
    ...{
      spec: GIVEN_UP,
      status: started,
      deleting: true,
      facts: { ...known(machine()), refused: { step: 'stop-machine', message: 'no' } },
    },
    ...{ stage: 'Deleting', reason: 'Abandoned', finalizer: 'release' },
  },
  {
    why: 'is kept as any other until it is deleted',
    ...{ spec: GIVEN_UP, status: started, facts: silent, stage: 'Unseen', reason: 'HostUnreachable', ready: 'Unknown' },
  },
];

describe('A VM that is given up on', () => {
  test.each(ABANDONED)('$why', (row) => {
    checkRow(row);
  });
});

describe('A VM that leaves', () => {
  test.each(ROWS)('$why', (row) => {
    checkRow(row);
  });
});
