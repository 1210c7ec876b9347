import { StoragePoolFields } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import type { PoolObservation } from '../../drivers/contract/driver.ts';
import { planStoragePool } from './plan.ts';
import type { StoragePoolFacts } from './plan-facts.ts';

const GIB = 2 ** 30;
const NOW = '2026-01-01T00:00:00Z';

function pool(more: { readonly deleting?: boolean; readonly status?: Partial<StoragePool['status']> } = {}): StoragePool {
  const { spec, status } = StoragePoolFields.parse({ spec: { scope: { zone: 'zone-1' }, driver: { name: 'sim' } } });
  const metadata = { name: 'pool-1', uid: 'p-1', resourceVersion: '1', generation: 1, creationTimestamp: NOW };
  return {
    ...{ apiVersion: 'storage.lenticular.dev/v1alpha1', kind: 'StoragePool', spec, status: { ...status, ...more.status } },
    metadata: more.deleting === true ? { ...metadata, deletionTimestamp: NOW } : metadata,
  };
}

function disk(id: string, more: Partial<Disk> = {}): Disk {
  const owner = { installation: 'us', kind: 'Volume', namespace: 'default', name: id, uid: id };
  return { ...{ id, name: id, owner, released: false, sizeBytes: GIB, actualSizeBytes: GIB, publishedTo: [], generation: 1 }, ...more };
}

function seen(more: Partial<PoolObservation> = {}): Pick<StoragePoolFacts, 'device'> {
  const value = { poolId: 'id-1', capacityBytes: 100 * GIB, usedBytes: GIB, disks: [disk('v-1')], protocols: ['sim'], ...more };
  return { device: { known: true, value } };
}

const silent: Pick<StoragePoolFacts, 'device'> = { device: { known: false, because: 'no route', code: 'UNAVAILABLE', reason: 'BACKEND' } };

function facts(more: Partial<StoragePoolFacts> = {}): StoragePoolFacts {
  const rest = { scopeExists: true, allocation: 'Enabled', provisionedBytes: 10 * GIB, users: [], installation: 'us' } as const;
  return { ...rest, volumes: new Set(['v-1']), orphans: new Set<string>(), ...seen(), ...more };
}

describe('planStoragePool', () => {
  test.each([
    { why: 'a pool that answers is ready', have: facts(), ready: ['True', 'AsDeclared'] },
    { why: 'a scope that is not there is named', have: facts({ scopeExists: false }), ready: ['False', 'ScopeNotFound'] },
    { why: 'ignorance is not absence: a silent pool is Unknown', have: facts(silent), ready: ['Unknown', 'DriverUnreachable'] },
  ])('$why', ({ have, ready }) => {
    const plan = planStoragePool(pool(), have);
    expect([plan.status.conditions[0]?.status, plan.status.conditions[0]?.reason]).toEqual(ready);
    expect(plan).toMatchObject({ steps: [], finalizer: 'hold' });
  });

  test('it says that it is nearly full from its threshold on, and full when next to nothing is left', () => {
    const said = (usedBytes: number, before?: 'True' | 'False') => {
      const full = { type: 'Full', status: before ?? 'False', reason: 'HasRoom', message: '', lastTransitionTime: NOW } as const;
      const { status, lookAgainMs } = planStoragePool(
        pool({ status: { conditions: [full] } }),
        facts({ ...seen({ usedBytes }), users: ['default/v-1'] }),
      );
      const condition = status.conditions.find(({ type }) => type === 'Full');
      expect(lookAgainMs).toBe(60_000);
      return [condition?.status, condition?.reason, status.conditions[0]?.status, status.conditions[0]?.reason];
    };
    expect(said(90 * GIB - 1)).toEqual(['False', 'HasRoom', 'True', 'AsDeclared']);
    expect(said(90 * GIB)).toEqual(['True', 'NearlyFull', 'True', 'NearlyFull']);
    expect(said(99 * GIB)).toEqual(['True', 'Full', 'True', 'Full']);
    // Around the threshold it does not go to and fro.
    expect([said(88 * GIB, 'True')[1], said(88 * GIB - 1, 'True')[1]]).toEqual(['NearlyFull', 'HasRoom']);
  });

  test('how full it is is unknown while it does not answer', () => {
    const full = planStoragePool(pool(), facts(silent)).status.conditions.find(({ type }) => type === 'Full');
    expect(full).toMatchObject({ status: 'Unknown', reason: 'NotSeen' });
  });

  test('what guests write moves nothing within a hundredth of the capacity', () => {
    const used = (usedBytes: number) => planStoragePool(pool(), facts(seen({ usedBytes }))).status.used;
    expect(used(GIB + 1)).toBe(used(2 * GIB));
    expect(used(GIB)).not.toBe(used(2 * GIB));
  });

  test('what others write on a shared device moves the capacity from a hundredth on', () => {
    const shown = (capacityBytes: number) =>
      planStoragePool(pool({ status: { capacity: '100Gi' } }), facts(seen({ capacityBytes }))).status.capacity;
    expect(shown(99.5 * GIB)).toBe('100Gi');
    expect(shown(98 * GIB)).toBe('98Gi');
  });

  test('what is not managed is listed with why', () => {
    const { owner: _owner, ...foreign } = disk('a');
    const disks = [disk('v-1'), disk('v-2'), disk('v-3', { released: true }), foreign];
    expect(planStoragePool(pool(), facts(seen({ disks }))).status.unmanaged?.map(({ id, why }) => `${id}: ${why}`)).toEqual([
      'a: foreign',
      'v-2: orphan',
      'v-3: released',
    ]);
  });

  test('it stays until no volume is in it, and names them', () => {
    const waiting = planStoragePool(pool({ deleting: true }), facts({ users: ['default/data-1'] }));
    expect(waiting).toMatchObject({ finalizer: 'hold', steps: [], waitsFor: 'waits for Volume default/data-1 to go' });
    expect(planStoragePool(pool({ deleting: true }), facts())).toMatchObject({ finalizer: 'release', steps: [{ do: 'forget' }] });
  });
});
