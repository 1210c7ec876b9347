import { planVirtualMachine } from '../plan.ts';
import {
  beside,
  candidate,
  checkRow,
  disk,
  facts,
  GIB,
  host,
  known,
  machine,
  neighbour,
  OFF,
  ONCE,
  placed,
  silent,
  stamped,
  started,
  stopped,
  vm,
} from './test-rows.ts';
import type { Row } from './test-rows.ts';

const elsewhere = { placement: { pod: 'rack-9' } };
const apart = { placement: { antiAffinity: [{ topology: 'Host', labelSelector: { matchLabels: { app: 'db' } } }] } };
const twin = { ...neighbour, cpus: 1, labels: { app: 'db' } };
const far = { ...disk, pool: { name: 'pool-2', scope: { host: 'host-2' }, protocols: ['sim'] } };
const MOVES = { stage: 'Stopped', reason: 'Moving', steps: ['delete-machine'] } as const;

const ROWS: readonly Row[] = [
  {
    why: 'a stopped machine leaves a host that its placement no longer asks for',
    spec: elsewhere,
    status: started,
    facts: stopped('requested'),
    ...MOVES,
  },
  {
    why: 'a VM that shall not run leaves it too',
    ...{ spec: { ...OFF, ...elsewhere }, status: started, facts: stopped('requested'), ...MOVES },
  },
  { why: 'a machine that crashed leaves it too', spec: elsewhere, status: started, facts: stopped('crashed'), ...MOVES },
  {
    why: 'a host whose labels no longer match is left',
    ...{ spec: { placement: { hostSelector: { matchLabels: { disk: 'ssd' } } } }, status: started, facts: stopped('requested'), ...MOVES },
  },
  {
    why: 'a VM leaves another that it must be kept apart from',
    ...{ spec: apart, status: started, facts: { ...stopped('requested'), ...beside([twin]) }, ...MOVES },
  },
  {
    why: 'that its host is nearly full keeps no VM where it should not be',
    spec: elsewhere,
    status: started,
    facts: { ...stopped('requested'), host: { ...host, candidate: { ...candidate, full: true } } },
    ...MOVES,
  },
  {
    why: 'a VM that fits stays on a host that is nearly full',
    status: started,
    facts: { ...stopped('requested'), host: { ...host, candidate: { ...candidate, full: true } } },
    ...{ stage: 'Stopped', reason: 'Starting', steps: ['ensure-machine', 'start-machine'] },
  },
  { why: 'it follows its volumes', status: started, facts: { ...stopped('requested'), disks: [far] }, ...MOVES },
  {
    why: 'a start that was asked for and finds no room goes elsewhere',
    ...{ status: started, facts: { ...stopped('requested'), ...beside([neighbour]) }, ...MOVES },
  },
  {
    why: 'a machine that crashed has its room, however full its host has become',
    ...{ status: started, facts: { ...stopped('crashed'), ...beside([neighbour]) } },
    ...{ stage: 'Stopped', reason: 'GuestRestarts', steps: ['ensure-machine', 'start-machine'] },
  },
  {
    why: 'a VM that stands still as declared stays on a full host',
    ...{
      spec: OFF,
      status: started,
      facts: { ...stopped('requested'), ...beside([neighbour]) },
      stage: 'Stopped',
      reason: 'Stopped',
      ready: 'True',
    },
  },
  {
    why: 'a guest that shut itself down and stays off is left where it is',
    ...{ spec: { ...ONCE, ...elsewhere }, status: started, facts: stopped('guest-shutdown') },
    ...{ stage: 'Stopped', reason: 'GuestShutdown', ready: 'True' },
  },
  {
    why: 'a place without a machine is given up behind a mark against a late Ensure',
    ...{ spec: elsewhere, status: placed, facts: known(), ...MOVES, stage: 'Absent' },
  },
  {
    why: 'a machine that runs is not stopped for it',
    ...{ spec: elsewhere, status: started, facts: known(machine()), stage: 'Running', reason: 'Running', ready: 'True' },
  },
  {
    why: 'a cordoned host keeps what it has',
    ...{ status: started, facts: { ...stopped('requested'), host: { ...host, candidate: { ...candidate, allocation: 'Cordoned' } } } },
    ...{ stage: 'Stopped', reason: 'Starting', steps: ['ensure-machine', 'start-machine'] },
  },
  {
    why: 'a Disabled host sees no call, and the place is kept',
    ...{ spec: elsewhere, status: started },
    facts: { ...stopped('requested'), host: { ...host, candidate: { ...candidate, allocation: 'Disabled' } } },
    ...{ stage: 'Stopped', reason: 'HostDisabled' },
  },
];

describe('A place that no longer fits', () => {
  test.each(ROWS)('$why', (row) => {
    checkRow(row);
  });

  test('is given up only once the machine is surely deleted, and its epoch is kept so that the next is higher', () => {
    const plan = planVirtualMachine(vm({ spec: elsewhere, status: started }), facts(stopped('requested')));
    expect(plan.status).toMatchObject({ host: 'host-1', placementEpoch: 1 });
    expect(plan.afterSteps?.host).toBeUndefined();
    expect(plan.afterSteps?.placementEpoch).toBe(1);
    expect(plan.afterSteps?.conditions.find(({ type }) => type === 'Scheduled')).toMatchObject({ status: 'False', reason: 'Moving' });
  });

  test('is given up once that has begun, although it fits again: nothing passes there any more before the next placement', () => {
    const status = stamped(planVirtualMachine(vm({ spec: elsewhere, status: started }), facts(stopped('requested'))).status);
    for (const seen of [stopped('requested'), known()]) {
      const plan = planVirtualMachine(vm({ status }), facts(seen));
      expect(plan.steps).toEqual([{ do: 'delete-machine' }]);
      expect(plan.afterSteps?.host).toBeUndefined();
    }
    const later = stamped(planVirtualMachine(vm({ status }), facts(silent)).status);
    expect(planVirtualMachine(vm({ status: later }), facts(known())).steps).toEqual([{ do: 'delete-machine' }]);
  });

  test('is kept where nothing may be deleted', () => {
    const disabled = { host: { ...host, candidate: { ...candidate, allocation: 'Disabled' } } } as const;
    const plan = planVirtualMachine(vm({ spec: elsewhere, status: started }), facts({ ...stopped('requested'), ...disabled }));
    expect(plan.afterSteps).toBeUndefined();
    expect(plan.status.host).toBe('host-1');
  });

  test('says why in the words of the scheduler', () => {
    const full = { ...neighbour, cpus: 1, memoryBytes: 63 * GIB };
    const plan = planVirtualMachine(vm({ status: started }), facts({ ...stopped('requested'), ...beside([full]) }));
    expect(plan.status.conditions.find(({ type }) => type === 'Ready')?.message).toBe(
      'Host host-1 has too little memory: it goes elsewhere',
    );
  });
});
