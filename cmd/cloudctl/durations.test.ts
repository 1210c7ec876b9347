import { durationMs } from './durations.ts';

test.each([
  ['30s', 30_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['2h', 7_200_000],
  ['5', 5_000],
])('%s is a duration', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(['', 'soon', '5d', '-3s', '3s later'])('%j is refused with an example', (text) => {
  expect(() => durationMs(text)).toThrow('write it as 30s');
});
