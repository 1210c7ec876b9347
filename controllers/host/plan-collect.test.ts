import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import { collectSteps } from './plan-collect.ts';
import type { HostFacts } from './plan-facts.ts';
import { facts, host, machine, seen } from './test-facts.ts';

const gone = { installation: 'us', kind: 'VirtualMachine', namespace: 'default', name: 'old', uid: 'm-9' };

function orphan(more: Partial<Machine> = {}): Machine {
  return machine('m-9', { name: 'old', owner: gone, power: 'stopped', generation: 7, placementEpoch: 2, ...more });
}

const named = (collect: readonly string[] = ['m-9']): Host => host({ collect });

function beside(machines: readonly Machine[], more: Partial<HostFacts> = {}): HostFacts {
  return facts({ ...seen({ machines }), orphans: new Set(['m-9']), ...more });
}

const decision = { uid: 'm-9', generation: 7, placementEpoch: 2 };

describe('An orphan on a host', () => {
  test.each([
    { why: 'is deleted under the last decision about its object', have: orphan(), steps: [{ do: 'delete-orphan', machine: decision }] },
    { why: 'is stopped first where it runs', have: orphan({ power: 'running' }), steps: [{ do: 'stop-orphan', machine: decision }] },
    { why: 'is stopped first where it is paused', have: orphan({ power: 'paused' }), steps: [{ do: 'stop-orphan', machine: decision }] },
    { why: 'is waited for while it stops', have: orphan({ power: 'running', stoppingSinceMs: 1 }), steps: [] },
    { why: 'is not touched while it does not answer', have: orphan({ power: 'unknown' }), steps: [] },
  ])('$why', ({ have, steps }) => {
    expect(collectSteps(named(), beside([have]))).toEqual(steps);
  });

  const { owner: _owner, ...untagged } = orphan();

  test.each([
    { why: 'what nobody named', have: beside([orphan()]), named: [] },
    { why: 'what is foreign', have: beside([untagged]), named: ['m-9'] },
    { why: "another installation's", have: beside([orphan({ owner: { ...gone, installation: 'them' } })]), named: ['m-9'] },
    { why: 'what was released', have: beside([orphan({ released: true })]), named: ['m-9'] },
    { why: 'what has an object', have: beside([orphan()], { orphans: new Set() }), named: ['m-9'] },
    {
      why: 'what is on a Disabled host',
      have: beside([orphan()], { pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Disabled' } }),
      named: ['m-9'],
    },
    { why: 'what is on a machine that two Hosts claim to be', have: beside([orphan()], { twin: 'host-0' }), named: ['m-9'] },
  ])('never is $why', ({ have, named: collect }) => {
    expect(collectSteps(named(collect), have)).toEqual([]);
  });
});
