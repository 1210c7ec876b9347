import { linkedTo, whenAborted } from './linked.ts';

test('a linked signal aborts with the other one, for its reason', () => {
  const outer = new AbortController();
  const { signal } = linkedTo(outer.signal);
  expect(signal.aborted).toBe(false);
  outer.abort(new Error('all ends'));
  expect([signal.aborted, (signal.reason as Error).message]).toEqual([true, 'all ends']);
});

test('a linked signal that is aborted leaves the other one alone', () => {
  const outer = new AbortController();
  const linked = linkedTo(outer.signal);
  linked.abort(new Error('only this'));
  expect([linked.signal.aborted, outer.signal.aborted]).toEqual([true, false]);
});

test('what is linked to a signal that has aborted has aborted too', () => {
  expect(linkedTo(AbortSignal.abort(new Error('before'))).signal.aborted).toBe(true);
});

test('what was unlinked does not follow any more', () => {
  const outer = new AbortController();
  const { signal, unlink } = linkedTo(outer.signal);
  unlink();
  outer.abort();
  expect(signal.aborted).toBe(false);
});

test('who aborts follows no more, and keeps the reason that it gave', () => {
  const outer = new AbortController();
  const linked = linkedTo(outer.signal);
  const reason = new Error('mine');
  linked.abort(reason);
  outer.abort(new Error('all ends'));
  expect(linked.signal.reason).toBe(reason);
});

test('who waits for a signal that has aborted is called at once, and who has left is not', () => {
  const outer = new AbortController();
  const heard: string[] = [];
  whenAborted(outer.signal, () => heard.push('left'))();
  outer.abort();
  whenAborted(outer.signal, () => heard.push('late'));
  expect(heard).toEqual(['late']);
});

test('of many that are linked to one signal, each follows it or does not by itself', () => {
  const outer = new AbortController();
  const all = [1, 2, 3].map(() => linkedTo(outer.signal));
  all[1]?.unlink();
  outer.abort(new Error('all ends'));
  expect(all.map(({ signal }) => signal.aborted)).toEqual([true, false, true]);
});
