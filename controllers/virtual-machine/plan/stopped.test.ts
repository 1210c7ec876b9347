import { candidate, host, waits, stopped, condition, placed, started, OFF, ONCE, checkRow } from './test-rows.ts';
import type { Row } from './test-rows.ts';

const ROWS: readonly Row[] = [
  {
    why: 'a stopped machine that shall not run is as declared',
    spec: OFF,
    status: started,
    facts: stopped('requested'),
    stage: 'Stopped',
    reason: 'Stopped',
    ready: 'True',
  },
  {
    why: 'a stopped machine is started',
    status: started,
    facts: stopped('requested'),
    stage: 'Stopped',
    reason: 'Starting',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'a crashed machine is started again',
    spec: ONCE,
    status: started,
    facts: stopped('crashed'),
    stage: 'Stopped',
    reason: 'GuestRestarts',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'under Always a guest that shut itself down is started again',
    status: started,
    facts: stopped('guest-shutdown'),
    stage: 'Stopped',
    reason: 'GuestRestarts',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'under OnFailure a guest that shut itself down stays off',
    spec: ONCE,
    status: started,
    facts: stopped('guest-shutdown'),
    stage: 'Stopped',
    reason: 'GuestShutdown',
    ready: 'True',
    phase: 'Stopped',
  },
  {
    why: 'a new restartToken starts a guest that shut itself down',
    spec: { ...ONCE, restartToken: 'b' },
    status: started,
    facts: stopped('guest-shutdown'),
    stage: 'Stopped',
    reason: 'Starting',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'a guest that shut itself down is started when running was false in between',
    spec: ONCE,
    status: { ...placed, machineId: 'm-1' },
    facts: stopped('guest-shutdown'),
    stage: 'Stopped',
    reason: 'Starting',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'a start that was published and lost is made',
    spec: ONCE,
    status: { ...started, conditions: [...placed.conditions, condition('Ready', 'False', 'Starting')] },
    facts: stopped('guest-shutdown'),
    stage: 'Stopped',
    reason: 'GuestRestarts',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'a stopped machine learns of changes before it starts, also where its stop was of the newest generation',
    status: started,
    facts: stopped('requested', { generation: 99 }),
    stage: 'Stopped',
    reason: 'Starting',
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'a stopped machine is not started without all its disks',
    status: started,
    facts: { ...stopped('crashed'), disks: [waits] },
    stage: 'Stopped',
    reason: 'WaitingForClaims',
  },
  {
    why: 'a stopped machine gives up a disk that is no longer declared',
    spec: { ...OFF, disks: [] },
    status: started,
    facts: { ...stopped('requested'), disks: [] },
    stage: 'Stopped',
    reason: 'Stopped',
    ready: 'True',
    steps: ['ensure-machine'],
  },
  {
    why: 'drift of a stopped machine is repaired under Enforce',
    ...{ spec: OFF, status: started, facts: stopped('requested', { drift: ['cpus'] }), stage: 'Stopped', reason: 'Stopped', ready: 'True' },
    steps: ['ensure-machine'],
  },
  {
    why: 'drift of a stopped machine is repaired before it starts',
    ...{ status: started, facts: stopped('requested', { drift: ['cpus'] }), stage: 'Stopped', reason: 'Starting' },
    steps: ['ensure-machine', 'start-machine'],
  },
  {
    why: 'drift of a stopped machine is only reported under Observe',
    ...{ spec: { ...OFF, driftPolicy: 'Observe' }, status: started, facts: stopped('requested', { drift: ['cpus'] }) },
    ...{ stage: 'Stopped', reason: 'Drifted' },
  },
  {
    why: 'under Observe a machine is started with the drift that it has',
    ...{ spec: { driftPolicy: 'Observe' }, status: started, facts: stopped('requested', { drift: ['cpus'] }) },
    ...{ stage: 'Stopped', reason: 'Starting', steps: ['start-machine'] },
  },
  {
    why: 'a machine that somebody switched off is started again',
    ...{
      status: started,
      facts: stopped('crashed'),
      stage: 'Stopped',
      reason: 'GuestRestarts',
      steps: ['ensure-machine', 'start-machine'],
    },
  },
  {
    why: 'a refused start holds up no other step',
    status: started,
    facts: { ...stopped('requested', { generation: 2 }), refused: { step: 'start-machine', message: 'no' } },
    ...{ stage: 'Stopped', reason: 'Refused', steps: ['ensure-machine'], stalled: true },
  },
  {
    why: 'a Disabled host sees no call',
    status: started,
    facts: { ...stopped('crashed'), host: { ...host, candidate: { ...candidate, allocation: 'Disabled' } } },
    stage: 'Stopped',
    reason: 'HostDisabled',
  },
  {
    why: 'a VM on a cordoned host is still repaired',
    status: started,
    facts: { ...stopped('crashed'), host: { ...host, candidate: { ...candidate, allocation: 'Cordoned' } } },
    stage: 'Stopped',
    reason: 'GuestRestarts',
    steps: ['ensure-machine', 'start-machine'],
  },
];

describe('A VM that stands still', () => {
  test.each(ROWS)('$why', (row) => {
    checkRow(row);
  });
});
