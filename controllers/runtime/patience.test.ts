import { createPatience } from './patience.ts';

function after(...took: readonly (readonly [times: number, ms: number])[]): number {
  const patience = createPatience();
  for (const [times, ms] of took) for (let index = 0; index < times; index += 1) patience.took(ms);
  return patience.ms();
}

test('what ends soon is waited for 50 ms', () => {
  expect([after(), after([100, 2])]).toEqual([50, 50]);
});

test('where everything takes long, so does the waiting, up to 5 s, and no more once it is over', () => {
  expect(after([100, 300])).toBeGreaterThan(1000);
  expect(after([100, 300])).toBeLessThan(1500);
  expect(after([200, 60_000])).toBe(5000);
  expect(after([200, 60_000], [100, 2])).toBe(50);
});

test('some that take long do not count', () => {
  expect(after(...Array.from({ length: 100 }, () => [[2, 5] as const, [1, 9000] as const]).flat())).toBe(50);
});
