import type { Volume } from '../../apis/storage/v1alpha1/volume/schema.ts';
import { planVolume } from './plan.ts';
import { facts, placed, pool, said, tried, volume } from './test-facts.ts';

describe('A claim on a pool', () => {
  test('a pool that is full is let go only while no create can be under way in it', () => {
    const full = facts({ pool: { ...pool, full: true } });
    const poolAfter = (status: Partial<Volume['status']>): string | undefined => planVolume(volume({ status }), full).status.pool;
    expect(poolAfter(placed)).toBeUndefined();
    for (const reason of ['Creating', 'DriverUnreachable', 'PoolFull'] as const) {
      expect(poolAfter({ ...placed, ...said(reason) })).toBe('pool-1');
    }
  });

  test('a pool that went before it was used is let go', () => {
    const gone = facts({ pool: undefined as never, disk: undefined as never });
    expect(planVolume(volume({ status: placed }), gone).status.pool).toBeUndefined();
    expect(planVolume(volume({ status: tried }), gone).status.pool).toBe('pool-1');
  });
});
