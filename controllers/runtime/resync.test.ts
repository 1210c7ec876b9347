import { createResync } from './resync.ts';

test('few objects are looked at every 300 s, and of many at most 40 a second, of all shards together', () => {
  const resync = createResync();
  expect(resync.meanMs()).toBe(300_000);
  let count = 10_000;
  resync.include(() => count);
  expect(resync.meanMs()).toBe(300_000);
  count = 48_000;
  expect(resync.meanMs()).toBe(1_200_000);
  const leave = resync.include(() => 16_000);
  expect(resync.meanMs()).toBe(1_600_000);
  leave();
  expect(resync.meanMs()).toBe(1_200_000);
});
