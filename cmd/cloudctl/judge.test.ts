import type { ApiObject } from '../../apis/meta/object.ts';
import { explain, judgeOf } from './judge.ts';
import { UsageError } from './usage-error.ts';

function object(conditions: readonly object[], metadata: object = {}): ApiObject {
  const meta = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', generation: 2, ...metadata };
  return { apiVersion: 'v1', kind: 'Thing', metadata: meta, spec: { size: '1Gi', tags: ['x'] }, status: { conditions } };
}

const READY = object([{ type: 'Ready', status: 'True', reason: 'AsDeclared', message: '', observedGeneration: 2 }]);

test.each([
  ['condition=Ready', true],
  ['condition=ready=true', true],
  ['condition=Ready=False', false],
  ['condition=Other', false],
  ['jsonpath={.spec.size}=1Gi', true],
  ['jsonpath={.spec.size}=2Gi', false],
  ['jsonpath={.spec.size}', true],
  ['jsonpath={.spec.nothing}', false],
  ['jsonpath=.spec.size=1Gi', true],
  ['jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', true],
])('%s is %s', (what, met) => {
  const judge = judgeOf(what);
  expect(judge === 'gone' ? undefined : judge(READY)).toBe(met);
});

test('a condition about an older generation does not count', () => {
  const judge = judgeOf('condition=Ready');
  const stale = object([{ type: 'Ready', status: 'True', observedGeneration: 1 }]);
  expect(judge === 'gone' ? undefined : judge(stale)).toBe(false);
});

test.each(['', 'luck', 'condition=', 'jsonpath=', 'jsonpath={.a', 'jsonpath={.a}=', 'jsonpath={.a b}=c'])('%j is refused', (what) => {
  expect(() => judgeOf(what)).toThrow(UsageError);
});

test('what holds an object is told beside what it says of itself', () => {
  expect(explain(READY)).toBe('AsDeclared');
  expect(explain(object([]))).toBe('it says nothing about itself');
  const held = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/a', 'example.com/b'] };
  expect(explain(object([], held))).toBe('held by example.com/a, example.com/b');
  expect(explain(object([{ type: 'Ready', status: 'False', reason: 'Deleting', message: 'waits' }], held))).toBe(
    'Deleting: waits; held by example.com/a, example.com/b',
  );
});
