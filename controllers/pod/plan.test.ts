import { PodFields } from '../../apis/infra/v1alpha1/pod/schema.ts';
import type { Pod } from '../../apis/infra/v1alpha1/pod/schema.ts';
import { NOTHING } from '../../apis/meta/amounts.ts';
import { planPod } from './plan.ts';
import type { PodFacts } from './plan.ts';

const NOW = '2026-01-01T00:00:00Z';

function pod(deleting = false): Pod {
  const { spec, status } = PodFields.parse({ spec: { zone: 'zone-1' } });
  const metadata = { name: 'rack-1', uid: 'p-1', resourceVersion: '1', generation: 1, creationTimestamp: NOW };
  return {
    ...{ apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Pod', spec, status },
    metadata: deleting ? { ...metadata, deletionTimestamp: NOW } : metadata,
  };
}

function facts(more: Partial<PodFacts> = {}): PodFacts {
  const have = { cpus: 16, memoryBytes: 2 ** 36, storageBytes: 0 };
  return {
    ...{ zoneExists: true, machines: { count: 1, amounts: { cpus: 2, memoryBytes: 2 ** 32, storageBytes: 0 } }, children: [] },
    hosts: { count: 1, lame: [], capacity: have, allocatable: have },
    storage: { capacityBytes: 0, allocatableBytes: 0, provisionedBytes: 0 },
    ...more,
  };
}

const none = { count: 0, lame: [], capacity: NOTHING, allocatable: NOTHING };
const host = { name: 'host-9', reason: 'Pending' };

describe('planPod', () => {
  test.each([
    {
      why: 'a zone that is not there is named',
      have: facts({ zoneExists: false }),
      reason: 'ZoneNotFound',
      message: 'there is no Zone zone-1',
    },
    { why: 'a pod without hosts runs nothing', have: facts({ hosts: none }), reason: 'NoHosts', message: 'it has no hosts yet' },
    {
      why: 'a host that is not ready is named',
      have: facts({ hosts: { ...none, count: 1, lame: [host] } }),
      reason: 'HostsNotReady',
      message: '1 of 1 host not ready: host-9 (Pending)',
    },
    { why: 'a pod whose hosts are all ready is ready', have: facts(), reason: 'AsDeclared', message: '1 host ready' },
  ])('$why', ({ have, reason, message }) => {
    const [ready] = planPod(pod(), have).status.conditions;
    expect(ready).toMatchObject({ reason, message, status: reason === 'AsDeclared' ? 'True' : 'False' });
  });

  test('it counts what is placed on its hosts', () => {
    expect(planPod(pod(), facts()).status).toMatchObject({
      allocated: { cpus: 2, memory: '4Gi' },
      counts: { hosts: 1, hostsReady: 1, virtualMachines: 1 },
    });
  });

  test('it stays until nothing is in it, and names what is', () => {
    const waiting = planPod(pod(true), facts({ children: ['Host host-1'] }));
    expect(waiting).toMatchObject({ finalizer: 'hold', waitsFor: 'waits for Host host-1 to go' });
    expect(planPod(pod(true), facts()).finalizer).toBe('release');
  });
});
