import fc from 'fast-check';
import { createDue } from './due.ts';

test('gives what is due in order of time, whatever is added, moved and taken out in between', () => {
  const move = fc.oneof(
    fc.record({ do: fc.constant('add' as const), item: fc.nat(30), atMs: fc.nat(1_000) }),
    fc.record({ do: fc.constant('remove' as const), item: fc.nat(30) }),
    fc.record({ do: fc.constant('take' as const), nowMs: fc.nat(1_000) }),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 300 }), (moves) => {
      const times = new Map<number, number>();
      const due = createDue<number>(
        (item, atMs) => times.get(item) === atMs,
        () => times.size,
      );
      for (const one of moves) {
        const earliest = Math.min(...times.values());
        expect(due.nextMs()).toBe(earliest);
        if (one.do === 'add') {
          times.set(one.item, one.atMs);
          due.add(one.item, one.atMs);
        } else if (one.do === 'remove') times.delete(one.item);
        else {
          const taken = due.take(one.nowMs);
          if (earliest > one.nowMs) expect(taken).toBeUndefined();
          else {
            expect(times.get(taken ?? -1)).toBe(earliest);
            times.delete(taken ?? -1);
          }
        }
      }
    }),
  );
});

test('does not grow with how often the same things are moved', () => {
  let valid = 0;
  let asked = 0;
  const due = createDue<number>(
    (_item, atMs) => {
      asked += 1;
      return atMs === valid;
    },
    () => 1,
  );
  for (valid = 1; valid <= 100_000; valid += 1) due.add(0, valid);
  valid = 100_000;
  // Each copy is looked at a few times at most, when the stale ones are swept out.
  expect(asked).toBeLessThan(300_000);
  expect(due.take(100_000)).toBe(0);
  expect(due.take(200_000)).toBeUndefined();
});
