import { jsonAnswer } from './services.ts';

function warningOf(warnings: readonly string[]): string {
  return jsonAnswer(200, {}, warnings).headers.warning ?? '';
}

test('a warning is shortened to 200 characters', () => {
  expect(warningOf(['x'.repeat(1_000_000)])).toBe(`299 - "${'x'.repeat(197)}..."`);
});

test('many warnings are told in part, with how many more there are', () => {
  const header = warningOf(Array.from({ length: 100 }, () => '"'.repeat(1000)));
  expect(header.length).toBeLessThan(8192);
  expect(header.endsWith(', 299 - "and 84 more"')).toBe(true);
});

test('a short warning is told as it is', () => {
  expect(warningOf(['unknown field "a"'])).toBe('299 - "unknown field \\"a\\""');
});
