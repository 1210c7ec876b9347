import { StoragePoolFields } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { StoragePool } from '../../apis/storage/v1alpha1/storage-pool/schema.ts';
import type { Disk } from '../../drivers/contract/disk.ts';
import { collectSteps } from './plan-collect.ts';
import type { StoragePoolFacts } from './plan-facts.ts';

const owner = { installation: 'us', kind: 'Volume', namespace: 'default', name: 'old', uid: 'v-9' };

function disk(more: Partial<Disk> = {}): Disk {
  const size = { sizeBytes: 1, actualSizeBytes: 1 };
  return { id: 'v-9', name: 'old', owner, released: false, ...size, publishedTo: [], generation: 4, ...more };
}

function pool(collect: readonly string[] = ['v-9']): StoragePool {
  const { spec, status } = StoragePoolFields.parse({ spec: { scope: { zone: 'zone-1' }, driver: { name: 'sim' }, collect } });
  const metadata = { name: 'pool-1', uid: 'p-1', resourceVersion: '1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'storage.lenticular.dev/v1alpha1', kind: 'StoragePool', spec, status, metadata };
}

function facts(disks: readonly Disk[], more: Partial<StoragePoolFacts> = {}): StoragePoolFacts {
  return {
    ...{ scopeExists: true, allocation: 'Enabled', provisionedBytes: 0, users: [], volumes: new Set<string>(), installation: 'us' },
    orphans: new Set(['v-9']),
    device: { known: true, value: { poolId: 'p', capacityBytes: 1, usedBytes: 0, disks, protocols: [] } },
    ...more,
  };
}

describe('An orphan in a pool', () => {
  test('is taken from the hosts that it was published to, and deleted under the last decision about its object', () => {
    expect(collectSteps(pool(), facts([disk({ publishedTo: ['h-1'] })]))).toEqual([
      { do: 'unpublish-orphan', uid: 'v-9', hostId: 'h-1', generation: 4 },
      { do: 'delete-orphan', uid: 'v-9', generation: 4 },
    ]);
  });

  const { owner: _owner, ...untagged } = disk();

  test.each([
    { why: 'what nobody named', have: facts([disk()]), named: [] },
    { why: 'what is foreign', have: facts([untagged]), named: ['v-9'] },
    { why: "another installation's", have: facts([disk({ owner: { ...owner, installation: 'them' } })]), named: ['v-9'] },
    { why: 'what was released', have: facts([disk({ released: true })]), named: ['v-9'] },
    { why: 'what has an object', have: facts([disk()], { orphans: new Set() }), named: ['v-9'] },
    { why: 'what is in a Disabled pool', have: facts([disk()], { allocation: 'Disabled' }), named: ['v-9'] },
  ])('never is $why', ({ have, named }) => {
    expect(collectSteps(pool(named), have)).toEqual([]);
  });
});
