import { createWhereabouts } from './whereabouts.ts';

test('an object is found by its uid and by the endpoint that it was seen at last, and nowhere once it is forgotten', () => {
  const whereabouts = createWhereabouts();
  whereabouts.note('u1', 'a/one', 'h1');
  whereabouts.note('u2', 'a/two', 'h1');
  whereabouts.note('u3', '/none', undefined);
  expect(whereabouts.at('h1')).toEqual(['a/one', 'a/two']);
  whereabouts.note('u1', 'a/one', 'h2');
  expect([whereabouts.at('h1'), whereabouts.at('h2')]).toEqual([['a/two'], ['a/one']]);
  whereabouts.forget('u2');
  expect([whereabouts.at('h1'), whereabouts.keyOf('u2'), whereabouts.keyOf('u1')]).toEqual([[], undefined, 'a/one']);
  expect(whereabouts.keys()).toEqual(['/none', 'a/one']);
});

test('nothing is at no endpoint', () => {
  const whereabouts = createWhereabouts();
  whereabouts.note('u1', '/none', undefined);
  expect(whereabouts.at('')).toEqual([]);
  expect(whereabouts.keyOf('')).toBeUndefined();
});
