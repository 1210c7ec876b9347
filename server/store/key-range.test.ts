import fc from 'fast-check';
import { prefixEnd } from './key-range.ts';

const text = fc.string({ unit: 'binary', maxLength: 4 });

test('the end of a prefix sorts after every key with that prefix and before no other key', () => {
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const end = prefixEnd(prefix);
      const inRange = compare(other, prefix) >= 0 && (end === undefined || compare(other, end) < 0);
      expect(inRange).toBe(other.startsWith(prefix));
      if (end !== undefined) expect(compare(prefix + other, end)).toBe(-1);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['', undefined],
  ['/a/', '/a0'],
  ['\ud7ff', '\ue000'],
  ['a\u{10ffff}', 'b'],
  ['\u{10ffff}', undefined],
])('the end of %j is %j', (prefix, end) => {
  expect(prefixEnd(prefix)).toBe(end);
});

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
