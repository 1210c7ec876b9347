import fc from 'fast-check';
import { backoffMs } from './backoff.ts';
import { createBudget } from './budget.ts';

describe('places for calls to a device', () => {
  test('what finds no place free is told when one is kept for it, who waits longest first', () => {
    const told: string[] = [];
    const budget = createBudget(1, (key) => told.push(key));
    expect([budget.take('pool', 'a'), budget.take('pool', 'b'), budget.take('pool', 'c'), budget.take('host', 'd')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    budget.give('pool');
    expect(told).toEqual(['b']);
    expect(budget.take('pool', 'e')).toBe(false);
    expect(budget.take('pool', 'b')).toBe(true);
    budget.give('pool');
    expect(told).toEqual(['b', 'c']);
  });

  test('a place that is kept for a key which needs it no more goes to the next', () => {
    const told: string[] = [];
    const budget = createBudget(1, (key) => told.push(key));
    budget.take('pool', 'a');
    budget.take('pool', 'gone');
    budget.take('pool', 'moved');
    budget.take('pool', 'last');
    budget.give('pool');
    budget.leave('gone');
    expect(told).toEqual(['gone', 'moved']);
    expect(budget.take('elsewhere', 'moved')).toBe(true);
    expect(told).toEqual(['gone', 'moved', 'last']);
  });

  test('never more than the limit at once, and nobody waits while a place is free', () => {
    const step = fc.record({ key: fc.nat(6), endpoint: fc.nat(1), leave: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 3 }), (steps, limit) => {
        const holding = new Map<string, string>();
        const waiting = new Map<string, string>();
        const ready: string[] = [];
        const budget = createBudget(limit, (key) => ready.push(key));
        const tryTake = (key: string, endpoint: string): void => {
          if (budget.take(endpoint, key)) {
            waiting.delete(key);
            holding.set(key, endpoint);
          } else waiting.set(key, endpoint);
        };
        const drain = (): void => {
          for (let key = ready.shift(); key !== undefined; key = ready.shift()) tryTake(key, waiting.get(key) ?? '');
        };
        for (const { key: number, endpoint: at, leave } of steps) {
          const [key, endpoint] = [String(number), String(at)];
          const held = holding.get(key);
          if (held !== undefined) {
            holding.delete(key);
            budget.give(held);
          } else if (leave && waiting.delete(key)) budget.leave(key);
          else tryTake(key, endpoint);
          drain();
          for (const one of ['0', '1']) {
            const taken = [...holding.values()].filter((of) => of === one).length;
            expect(taken).toBeLessThanOrEqual(limit);
            if (taken < limit) expect([...waiting.values()]).not.toContain(one);
          }
        }
      }),
    );
  });

  test('the backoff doubles from one second to five minutes, each time between half and all of it', () => {
    expect([1, 2, 3, 9, 10, 1_000].map((failures) => backoffMs(failures, () => 1))).toEqual([
      1_000, 2_000, 4_000, 256_000, 300_000, 300_000,
    ]);
    expect(backoffMs(1, () => 0)).toBe(500);
  });
});
