import { HostFields } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { Machine } from '../../drivers/contract/machine.ts';
import { collectSteps } from './plan-collect.ts';
import type { HostFacts } from './plan-facts.ts';

const owner = { installation: 'us', kind: 'VirtualMachine', namespace: 'default', name: 'old', uid: 'm-9' };

function machine(more: Partial<Machine> = {}): Machine {
  return {
    ...{ id: 'm-9', name: 'old', owner, released: false, power: 'stopped', cpus: 1, memoryBytes: 1, disks: [], interfaces: [] },
    ...{ pendingChanges: [], drift: [], generation: 7, placementEpoch: 2 },
    ...more,
  };
}

function host(collect: readonly string[] = ['m-9']): Host {
  const { spec, status } = HostFields.parse({ spec: { pod: 'rack-1', driver: { name: 'sim' }, collect } });
  const metadata = { name: 'host-1', uid: 'h-1', resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Host', spec, status, metadata };
}

function facts(machines: readonly Machine[], more: Partial<HostFacts> = {}): HostFacts {
  const observation = { hostId: 'h', bootId: 'b', cpus: 1, memoryBytes: 1, storageBytes: 0, facts: {}, machines };
  const info = { name: 'sim', version: '1', instance: 'i', contractVersions: [], categories: [] };
  return {
    ...{ pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Enabled' }, placed: [], claimed: [], pools: [], storageBytes: 0 },
    ...{ installation: 'us', machines: new Set<string>(), orphans: new Set(['m-9']) },
    device: { known: true, value: { info, capabilities: [], observation } },
    ...more,
  };
}

const decision = { uid: 'm-9', generation: 7, placementEpoch: 2 };

describe('An orphan on a host', () => {
  test.each([
    { why: 'is deleted under the last decision about its object', have: machine(), steps: [{ do: 'delete-orphan', ...decision }] },
    { why: 'is stopped first where it runs', have: machine({ power: 'running' }), steps: [{ do: 'stop-orphan', ...decision }] },
    { why: 'is stopped first where it is paused', have: machine({ power: 'paused' }), steps: [{ do: 'stop-orphan', ...decision }] },
    { why: 'is waited for while it stops', have: machine({ power: 'running', stoppingSinceMs: 1 }), steps: [] },
    { why: 'is not touched while it does not answer', have: machine({ power: 'unknown' }), steps: [] },
  ])('$why', ({ have, steps }) => {
    expect(collectSteps(host(), facts([have]))).toEqual(steps);
  });

  const { owner: _owner, ...untagged } = machine();

  test.each([
    { why: 'what nobody named', have: facts([machine()]), named: [] },
    { why: 'what is foreign', have: facts([untagged]), named: ['m-9'] },
    { why: "another installation's", have: facts([machine({ owner: { ...owner, installation: 'them' } })]), named: ['m-9'] },
    { why: 'what was released', have: facts([machine({ released: true })]), named: ['m-9'] },
    { why: 'what has an object', have: facts([machine()], { orphans: new Set() }), named: ['m-9'] },
    {
      why: 'what is on a Disabled host',
      have: facts([machine()], { pod: { cpuPercent: 100, memoryPercent: 100, allocation: 'Disabled' } }),
      named: ['m-9'],
    },
    { why: 'what is on a machine that two Hosts claim to be', have: facts([machine()], { twin: 'host-0' }), named: ['m-9'] },
  ])('never is $why', ({ have, named }) => {
    expect(collectSteps(host(named), have)).toEqual([]);
  });
});
