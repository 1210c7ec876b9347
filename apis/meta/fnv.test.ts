import { fnv1a64 } from './fnv.ts';

/** As the definition has it. */
function defined(text: string): bigint {
  return Buffer.from(text).reduce((hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn, 0xcbf29ce484222325n);
}

it('gives what its authors publish', () => {
  expect(fnv1a64('')).toBe(0xcbf29ce484222325n);
  expect(fnv1a64('a')).toBe(0xaf63dc4c8601ec8cn);
  expect(fnv1a64('foobar')).toBe(0x85944171f73967e8n);
});

it('gives what its definition does, whatever the text', () => {
  const texts = Array.from({ length: 200 }, (_, at) => String.fromCodePoint(at * 331 + 1, (at * 7919) % 0xd7ff).repeat(1 + (at % 17)));
  expect(texts.map(fnv1a64)).toEqual(texts.map(defined));
});
