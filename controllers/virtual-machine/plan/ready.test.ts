import { planVirtualMachine } from '../plan.ts';
import type { Have } from './test-rows.ts';
import { among, candidate, facts, known, machine, OFF, ONCE, silent, started, stopped, vm, waits } from './test-rows.ts';
import type { VmFacts } from './facts.ts';

interface Row extends Have {
  readonly why: string;
  readonly facts: Partial<VmFacts>;
  /** Status and reason of Ready. */
  readonly ready: readonly ['True' | 'False' | 'Unknown', string];
  readonly says?: RegExp;
  /** Other conditions that are True. */
  readonly also?: readonly string[];
  readonly pending?: readonly string[];
}

const claimed = { ...waits, blocked: { reason: 'VolumeClaimed', message: 'Volume data-1 is claimed by VirtualMachine vm-9' } } as const;

const ROWS: readonly Row[] = [
  { why: 'as declared: running', status: started, facts: known(machine()), ready: ['True', 'Running'], also: ['DisksReady', 'Scheduled'] },
  {
    why: 'as declared: stopped',
    ...{ spec: OFF, status: started, facts: stopped('requested'), ready: ['True', 'Stopped'], also: ['DisksReady', 'Scheduled'] },
  },
  {
    why: 'runs, but a declared change needs a restart',
    ...{ status: started, facts: known(machine({ pendingChanges: ['cpus'] })), ready: ['True', 'Running'] },
    ...{ also: ['DisksReady', 'RestartPending', 'Scheduled'], pending: ['cpus'] },
  },
  {
    why: 'runs where its placement no longer asks for',
    ...{ spec: { placement: { pod: 'rack-9' } }, status: started, facts: known(machine()), ready: ['True', 'Running'] },
    ...{ also: ['DisksReady', 'RestartPending', 'Scheduled'], pending: ['placement'] },
  },
  {
    why: 'the guest shut itself down under OnFailure',
    ...{
      spec: ONCE,
      status: started,
      facts: stopped('guest-shutdown'),
      ready: ['True', 'GuestShutdown'],
      also: ['DisksReady', 'Scheduled'],
    },
  },
  {
    why: 'drift under Observe',
    ...{ spec: { driftPolicy: 'Observe' }, status: started, facts: known(machine({ drift: ['memory'] })), ready: ['False', 'Drifted'] },
    ...{ says: /memory/, also: ['DisksReady', 'Scheduled'] },
  },
  {
    why: 'its host is unreachable',
    ...{ status: started, facts: silent, ready: ['Unknown', 'HostUnreachable'], says: /Host host-1/, also: ['DisksReady', 'Scheduled'] },
  },
  {
    why: 'waits for another object, and names it',
    ...{ status: started, facts: { ...stopped('requested'), disks: [claimed] }, ready: ['False', 'VolumeClaimed'] },
    ...{ says: /VirtualMachine vm-9/, also: ['Scheduled'] },
  },
  {
    why: 'waits for room, and counts why',
    ...{ facts: among([{ ...candidate, allocatable: { cpus: 1, memoryBytes: 1 } }]), ready: ['False', 'Unschedulable'] },
    ...{ says: /1 has too little memory/, also: ['DisksReady'] },
  },
  {
    why: 'wrong in a way only a person can mend',
    ...{ status: started, facts: { ...known(), refused: { step: 'ensure-machine', message: 'no such kernel' } } },
    ...{ ready: ['False', 'Refused'], says: /no such kernel/, also: ['DisksReady', 'Scheduled', 'Stalled'] },
  },
  {
    why: 'while something moves',
    ...{ status: started, facts: stopped('crashed'), ready: ['False', 'GuestRestarts'], also: ['DisksReady', 'Reconciling', 'Scheduled'] },
  },
];

describe('Ready says of a VM, exactly', () => {
  test.each(ROWS)('$why', ({ facts: have, ready, says = /./, also = [], pending, ...row }) => {
    const { status } = planVirtualMachine(vm(row), facts(have));
    const said = status.conditions.find(({ type }) => type === 'Ready');
    expect([said?.status, said?.reason]).toEqual(ready);
    expect(said?.message).toMatch(says);
    const others = status.conditions.filter((condition) => condition.type !== 'Ready' && condition.status === 'True');
    expect(others.map(({ type }) => type).sort()).toEqual([...also].sort());
    expect(status.pendingChanges).toEqual(pending);
  });
});
