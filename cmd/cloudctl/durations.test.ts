import { ago, durationMs } from './durations.ts';

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

test.each([
  [5, '5s'],
  [119, '119s'],
  [300, '5m'],
  [330, '5m30s'],
  [3600, '60m'],
  [4 * 3600 + 60, '4h1m'],
  [30 * 3600, '30h'],
  [72 * 3600, '3d'],
])('%i seconds are %s', (seconds, text) => {
  expect(ago(seconds * 1000)).toBe(text);
});
