import { ZoneFields } from '../../apis/infra/v1alpha1/zone/schema.ts';
import type { Zone } from '../../apis/infra/v1alpha1/zone/schema.ts';
import { NOTHING, sumOf } from '../../apis/meta/amounts.ts';
import type { Amounts } from '../../apis/meta/amounts.ts';
import { planZone } from './plan.ts';
import type { HostsInZone, ZoneFacts } from './plan.ts';

const GIB = 2 ** 30;
const NOW = '2026-01-01T00:00:00Z';

function zone(deleting = false): Zone {
  const { spec, status } = ZoneFields.parse({ spec: {} });
  const metadata = { name: 'zone-1', uid: 'z-1', resourceVersion: '1', generation: 1, creationTimestamp: NOW };
  return {
    ...{ apiVersion: 'infra.lenticular.dev/v1alpha1', kind: 'Zone', spec, status },
    metadata: deleting ? { ...metadata, deletionTimestamp: NOW } : metadata,
  };
}

const have: Amounts = { cpus: 16, memoryBytes: 64 * GIB, storageBytes: GIB };
const up: HostsInZone = { count: 1, lame: [], capacity: have, allocatable: { ...have, cpus: 32 } };
const down = { name: 'host-2', reason: 'DriverUnreachable' };

function facts(more: Partial<ZoneFacts> = {}): ZoneFacts {
  return {
    ...{ pods: 1, hosts: up, machines: { count: 0, amounts: NOTHING }, children: [], shard: { holder: 'me', epoch: 7 } },
    storage: { capacityBytes: 100 * GIB, allocatableBytes: 200 * GIB, provisionedBytes: 10 * GIB },
    ...more,
  };
}

describe('planZone', () => {
  test.each([
    {
      why: 'a zone without hosts runs nothing',
      have: facts({ hosts: { count: 0, lame: [], capacity: NOTHING, allocatable: NOTHING } }),
      status: 'False',
      reason: 'NoHosts',
      message: 'it has no hosts yet',
    },
    {
      why: 'a host that is not ready is named with its reason',
      have: facts({ hosts: { ...up, count: 2, lame: [down] } }),
      ...{ status: 'False', reason: 'HostsNotReady', message: '1 of 2 hosts not ready: host-2 (DriverUnreachable)' },
    },
    { why: 'a zone whose hosts are all ready is ready', have: facts(), status: 'True', reason: 'AsDeclared', message: '1 host ready' },
  ])('$why', ({ have, status, reason, message }) => {
    expect(planZone(zone(), have).status.conditions[0]).toMatchObject({ status, reason, message });
  });

  test('what it has is the sum of its hosts and pools, and what is given out that of its VMs and volumes', () => {
    const machines = { count: 2, amounts: { cpus: 5, memoryBytes: 8 * GIB, storageBytes: 0 } };
    const hosts = { count: 3, lame: [down], capacity: sumOf([have, have]), allocatable: { ...sumOf([have, have]), cpus: 64 } };
    const { status } = planZone(zone(), facts({ hosts, machines }));
    expect(status).toMatchObject({
      capacity: { cpus: 32, memory: '128Gi', storage: '100Gi' },
      allocatable: { cpus: 64, memory: '128Gi', storage: '200Gi' },
      allocated: { cpus: 5, memory: '8Gi', storage: '10Gi' },
      counts: { pods: 1, hosts: 3, hostsReady: 2, virtualMachines: 2 },
      shard: { holder: 'me', epoch: 7 },
    });
  });

  test('it stays until nothing is in it, and names what is', () => {
    const plan = planZone(zone(true), facts({ children: ['Pod rack-1', 'StoragePool pool-1'] }));
    expect(plan).toMatchObject({ finalizer: 'hold', waitsFor: 'waits for Pod rack-1 and StoragePool pool-1 to go' });
    expect(planZone(zone(true), facts()).finalizer).toBe('release');
  });
});
