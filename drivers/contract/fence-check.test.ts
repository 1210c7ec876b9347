import fc from 'fast-check';
import type { Fence } from './fence.ts';
import { passObject, passShard, passTombstone, UNSEEN_OBJECT, UNSEEN_SHARD } from './fence-check.ts';

const count = fc.integer({ min: 0, max: 5 });
const fences = fc.record({
  installation: fc.constant('i'),
  shard: fc.constant('s'),
  incarnation: count,
  epoch: count,
  generation: count,
  placementEpoch: count,
});

function passes(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

const pair = (fence: Fence): number => fence.incarnation * 10 + fence.epoch;

test('of any leaders, one passes if and only if no later one was seen', () => {
  fc.assert(
    fc.property(fc.array(fences), (all) => {
      let seen = UNSEEN_SHARD;
      let highest = 0;
      for (const fence of all) {
        expect(passes(() => passShard(fence, seen))).toBe(pair(fence) >= highest);
        if (pair(fence) < highest) continue;
        seen = passShard(fence, seen);
        highest = pair(fence);
      }
    }),
  );
});

test('what an object followed never goes back within an incarnation', () => {
  fc.assert(
    fc.property(fc.array(fences), (all) => {
      let seen = UNSEEN_OBJECT;
      for (const fence of all.filter((each) => passes(() => passObject(each, seen)))) {
        if (!passes(() => passObject(fence, seen))) continue;
        const next = passObject(fence, seen);
        expect(next.incarnation).toBeGreaterThanOrEqual(seen.incarnation);
        if (next.incarnation === seen.incarnation) {
          expect(next.generation).toBeGreaterThanOrEqual(seen.generation);
          expect(next.placementEpoch).toBeGreaterThanOrEqual(seen.placementEpoch);
        }
        seen = next;
      }
    }),
  );
});

test('a deleted disk never passes, a deleted machine only with a later placement or incarnation', () => {
  fc.assert(
    fc.property(fences, fences, (fence, grave) => {
      expect(passes(() => passTombstone('disk', fence, grave))).toBe(false);
      const later =
        fence.incarnation > grave.incarnation || (fence.incarnation === grave.incarnation && fence.placementEpoch > grave.placementEpoch);
      expect(passes(() => passTombstone('machine', fence, grave))).toBe(later);
    }),
  );
});

test('a refusal names the field and gives the newer values', () => {
  const fence = { installation: 'i', shard: 's', incarnation: 1, epoch: 2, generation: 3, placementEpoch: 4 };
  expect(() => passShard(fence, { incarnation: 1, epoch: 9 })).toThrow(
    expect.objectContaining({
      code: 'FAILED_PRECONDITION',
      reason: 'STALE_EPOCH',
      metadata: { field: 'epoch', installation: 'i', shard: 's', incarnation: '1', epoch: '9' },
    }) as Error,
  );
});
