import type { HostObservation } from '../../drivers/contract/driver.ts';
import { planHost } from './plan.ts';
import { facts, failed, GIB, host, NOW, seen } from './test-facts.ts';

const saidBefore = (status: 'True' | 'False') => {
  return { status: { conditions: [{ type: 'Full', status, reason: 'HasRoom', message: '', lastTransitionTime: NOW } as const] } };
};

function said(observed: Partial<HostObservation>, before: 'True' | 'False' = 'False') {
  const { status } = planHost(host({}, saidBefore(before)), facts(seen({ memoryBytes: 100 * GIB, storageBytes: 100 * GIB, ...observed })));
  const full = status.conditions.find(({ type }) => type === 'Full');
  return [full?.status, full?.reason, status.conditions[0]?.status, status.conditions[0]?.reason];
}

describe('a host says that it is nearly full before it is, and stays ready', () => {
  test.each([
    { why: 'of neither', observed: { freeMemoryBytes: 6 * GIB, freeStorageBytes: 11 * GIB }, is: 'HasRoom' },
    { why: 'of storage', observed: { freeMemoryBytes: 6 * GIB, freeStorageBytes: 10 * GIB }, is: 'NearlyFull' },
    { why: 'of memory', observed: { freeMemoryBytes: 5 * GIB, freeStorageBytes: 11 * GIB }, is: 'NearlyFull' },
    {
      why: 'full of one is worse than nearly full of the other',
      observed: { freeMemoryBytes: GIB, freeStorageBytes: 10 * GIB },
      is: 'Full',
    },
    {
      why: 'of storage that it does not have',
      observed: { storageBytes: 0, freeMemoryBytes: 6 * GIB, freeStorageBytes: 0 },
      is: 'HasRoom',
    },
  ])('$why: $is', ({ observed, is }) => {
    const full = is !== 'HasRoom';
    expect(said(observed)).toEqual([full ? 'True' : 'False', is, 'True', full ? is : 'AsDeclared']);
  });

  test('around the threshold it does not go to and fro', () => {
    expect(said({ freeMemoryBytes: 7 * GIB }, 'True')[1]).toBe('NearlyFull');
    expect(said({ freeMemoryBytes: 7 * GIB + 1 }, 'True')[1]).toBe('HasRoom');
  });

  test('what a driver does not see is not said, and what was said is unknown while nobody answers', () => {
    expect(said({})[0]).toBeUndefined();
    const { status } = planHost(host({}, saidBefore('True')), facts(failed('BACKEND')));
    expect(status.conditions.find(({ type }) => type === 'Full')).toMatchObject({ status: 'Unknown', reason: 'NotSeen' });
  });
});
