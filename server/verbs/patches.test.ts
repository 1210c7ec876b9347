import fc from 'fast-check';
import { ApiError } from '../../apis/meta/api-error.ts';
import { applyJsonPatch, parseJsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

describe('a merge patch', () => {
  // The table of RFC 7396, appendix A.
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('on %j with %j gives %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  test('twice is once, and its target is not changed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
        const before = JSON.stringify(target);
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
        expect(JSON.stringify(target)).toBe(before);
      }),
    );
  });

  test('with a constructor in it is only data', () => {
    const patched = mergePatch({}, JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'));
    expect(patched).toHaveProperty('constructor.prototype.polluted', true);
    expect({}).not.toHaveProperty('polluted');
  });
});

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error.reason;
    throw error;
  }
  return 'nothing';
}

describe('a JSON patch', () => {
  test('does what its operations say, in their order', () => {
    const operations = parseJsonPatch([
      { op: 'test', path: '/a', value: 1 },
      { op: 'replace', path: '/a', value: 2 },
      { op: 'add', path: '/l/-', value: 'x' },
      { op: 'move', from: '/l/0', path: '/first' },
      { op: 'remove', path: '/gone' },
    ]);
    expect(applyJsonPatch({ a: 1, l: ['w'], gone: true }, operations)).toEqual({ a: 2, l: ['x'], first: 'w' });
  });

  test('can replace the whole document', () => {
    expect(applyJsonPatch({ a: 1 }, parseJsonPatch([{ op: 'replace', path: '', value: { b: 2 } }]))).toEqual({ b: 2 });
  });

  test('takes an object for an object, whatever it says of its constructor', () => {
    const value = { constructor: 'function Array() { [native code] }', length: 1_000_000_000 };
    const operations = parseJsonPatch([
      { op: 'add', path: '/o', value },
      { op: 'test', path: '/o', value },
      { op: 'add', path: '/o/x', value: 1 },
    ]);
    expect(applyJsonPatch({}, operations)).toEqual({ o: { ...value, x: 1 } });
  });

  test('decodes ~1 before ~0', () => {
    expect(applyJsonPatch({}, parseJsonPatch([{ op: 'add', path: '/a~1b~01', value: 1 }]))).toEqual({ 'a/b~1': 1 });
  });

  test('that fails names the operation and its path', () => {
    const operations = parseJsonPatch([
      { op: 'test', path: '/a', value: 1 },
      { op: 'remove', path: '/nope' },
    ]);
    expect(() => applyJsonPatch({ a: 1 }, operations)).toThrow(/operation 1 \(remove \/nope\) failed/);
  });

  test.each([
    { why: 'a test that fails', patch: [{ op: 'test', path: '/a', value: 2 }], reason: 'Invalid' },
    { why: 'a field that is not there', patch: [{ op: 'remove', path: '/nope' }], reason: 'Invalid' },
    { why: 'a parent that is not there', patch: [{ op: 'add', path: '/x/y', value: 1 }], reason: 'Invalid' },
    { why: 'the length of a list', patch: [{ op: 'replace', path: '/l/length', value: 1_000_000_000 }], reason: 'Invalid' },
    { why: 'an index with a leading zero', patch: [{ op: 'replace', path: '/l/00', value: 1 }], reason: 'Invalid' },
    { why: 'an index past the end', patch: [{ op: 'add', path: '/l/2', value: 1 }], reason: 'Invalid' },
    { why: 'the place after the last item to remove', patch: [{ op: 'remove', path: '/l/-' }], reason: 'Invalid' },
    { why: 'an inherited field', patch: [{ op: 'copy', from: '/toString', path: '/b' }], reason: 'Invalid' },
    { why: 'a move into itself', patch: [{ op: 'move', from: '/l', path: '/l/0' }], reason: 'Invalid' },
    {
      why: 'an insertion before very many items',
      patch: [
        { op: 'add', path: '/many', value: Array.from({ length: 20_000 }, () => 0) },
        { op: 'add', path: '/many/0', value: 1 },
      ],
      reason: 'Invalid',
    },
    { why: 'no list', patch: { op: 'remove', path: '/a' }, reason: 'BadRequest' },
    { why: 'no pointer', patch: [{ op: 'remove', path: 'a' }], reason: 'BadRequest' },
    { why: 'an unknown operation', patch: [{ op: 'explode', path: '/a' }], reason: 'BadRequest' },
    { why: 'a prototype', patch: [{ op: 'add', path: '/__proto__/polluted', value: true }], reason: 'BadRequest' },
    {
      why: 'the way round to a prototype',
      patch: [{ op: 'add', path: '/constructor/prototype/polluted', value: true }],
      reason: 'BadRequest',
    },
    {
      why: 'too many operations',
      patch: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 })),
      reason: 'BadRequest',
    },
    {
      why: 'copies that double',
      patch: Array.from({ length: 32 }, () => ({ op: 'copy', from: '/l', path: '/l/-' })),
      reason: 'RequestEntityTooLarge',
    },
  ])('with $why is refused', ({ patch, reason }) => {
    expect(refusalOf(() => applyJsonPatch({ a: 1, l: ['x'] }, parseJsonPatch(patch)))).toBe(reason);
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('a strategic merge patch', () => {
  const conditions = [
    { type: 'A', status: 'True', reason: 'x' },
    { type: 'B', status: 'True' },
  ];
  test.each([
    {
      why: 'merges conditions by type',
      have: { conditions },
      patch: {
        conditions: [
          { type: 'A', status: 'False' },
          { type: 'C', status: 'True' },
        ],
      },
      want: { conditions: [{ type: 'A', status: 'False', reason: 'x' }, conditions[1], { type: 'C', status: 'True' }] },
    },
    {
      why: 'deletes an item by its key',
      have: { conditions },
      patch: { conditions: [{ type: 'A', $patch: 'delete' }] },
      want: { conditions: [conditions[1]] },
    },
    {
      why: 'replaces a list where it says so',
      have: { conditions },
      patch: { conditions: [{ $patch: 'replace' }, { type: 'C' }] },
      want: { conditions: [{ type: 'C' }] },
    },
    { why: 'adds to finalizers', have: { finalizers: ['a'] }, patch: { finalizers: ['b', 'a'] }, want: { finalizers: ['a', 'b'] } },
    {
      why: 'takes out of finalizers',
      have: { finalizers: ['a', 'b'] },
      patch: { '$deleteFromPrimitiveList/finalizers': ['a'] },
      want: { finalizers: ['b'] },
    },
    {
      why: 'orders a list',
      have: { finalizers: ['a', 'b', 'c'] },
      patch: { '$setElementOrder/finalizers': ['c', 'a'] },
      want: { finalizers: ['c', 'a', 'b'] },
    },
    {
      why: 'keeps only some keys',
      have: { s: { a: 1, b: 2 } },
      patch: { s: { $retainKeys: ['b', 'c'], c: 3 } },
      want: { s: { b: 2, c: 3 } },
    },
    { why: 'replaces a map where it says so', have: { s: { a: 1 } }, patch: { s: { $patch: 'replace', b: 2 } }, want: { s: { b: 2 } } },
    { why: 'deletes a map where it says so', have: { s: { a: 1 } }, patch: { s: { $patch: 'delete' } }, want: {} },
    { why: 'removes with null and replaces other lists', have: { a: 1, l: [1] }, patch: { a: null, l: [2] }, want: { l: [2] } },
  ])('$why', ({ have, patch, want }) => {
    expect(strategicMergePatch(have, patch)).toEqual(want);
  });
});
