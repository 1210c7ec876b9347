import fc from 'fast-check';
import { backoffMs } from './backoff.ts';
import { createBudget, type Claimant } from './budget.ts';
import { PRIORITY, type Priority } from './queue.ts';

const one = (key: string, priority: Priority = PRIORITY.change, limit = 1): Claimant => ({ key, priority, limit });

describe('places for calls to a device', () => {
  test('what finds no place free is told when one is kept for it, who waits longest first', () => {
    const told: string[] = [];
    const budget = createBudget((key) => told.push(key));
    expect([
      budget.take('pool', one('a')),
      budget.take('pool', one('b')),
      budget.take('pool', one('c')),
      budget.take('host', one('d')),
    ]).toEqual([true, false, false, true]);
    budget.give('pool');
    expect(told).toEqual(['b']);
    expect(budget.take('pool', one('e'))).toBe(false);
    expect(budget.take('pool', one('b'))).toBe(true);
    budget.give('pool');
    expect(told).toEqual(['b', 'c']);
  });

  test('a place that is kept for a key which needs it no more goes to the next', () => {
    const told: string[] = [];
    const budget = createBudget((key) => told.push(key));
    for (const key of ['a', 'gone', 'moved', 'last']) budget.take('pool', one(key));
    budget.give('pool');
    budget.leave('gone');
    expect(told).toEqual(['gone', 'moved']);
    expect(budget.take('elsewhere', one('moved'))).toBe(true);
    expect(told).toEqual(['gone', 'moved', 'last']);
  });

  test('a deletion does not wait behind changes, nor a change behind the resync, and who hurries moves up', () => {
    const told: string[] = [];
    const budget = createBudget((key) => told.push(key));
    budget.take('pool', one('a'));
    budget.take('pool', one('resync', PRIORITY.resync));
    budget.take('pool', one('raised', PRIORITY.resync));
    budget.take('pool', one('change', PRIORITY.change));
    budget.take('pool', one('raised', PRIORITY.deletion));
    for (const key of ['a', 'raised', 'change']) {
      if (key !== 'a') expect(budget.take('pool', one(key))).toBe(true);
      budget.give('pool');
    }
    expect(told).toEqual(['raised', 'change', 'resync']);
  });

  test('a limit that is raised lets those who wait go first, and one that is lowered lets nobody in until enough have gone', () => {
    const told: string[] = [];
    const budget = createBudget((key) => told.push(key));
    budget.take('pool', one('a', PRIORITY.change, 1));
    budget.take('pool', one('b', PRIORITY.change, 1));
    expect(budget.take('pool', one('c', PRIORITY.change, 2))).toBe(false);
    expect(told).toEqual(['b']);
    expect(budget.take('pool', one('b', PRIORITY.change, 1))).toBe(true);
    budget.give('pool');
    expect(told).toEqual(['b']);
    budget.give('pool');
    expect(told).toEqual(['b', 'c']);
  });

  test('what waits or is kept for a whole kind can be given to others at once', () => {
    const told: string[] = [];
    const budget = createBudget((key) => told.push(key));
    for (const key of ['Volume /a', 'Volume /b', 'Volume /c', 'Host /h']) budget.take('host', one(key));
    budget.give('host');
    budget.leaveAll('Volume ');
    expect(told.at(-1)).toBe('Host /h');
    expect(budget.take('host', one('Host /h'))).toBe(true);
    expect(budget.takenOf('host')).toBe(1);
  });

  test('never more than the limit at once, and nobody waits while a place is free', () => {
    const step = fc.record({ key: fc.nat(6), endpoint: fc.nat(1), leave: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 3 }), (steps, limit) => {
        const holding = new Map<string, string>();
        const waiting = new Map<string, string>();
        const ready: string[] = [];
        const budget = createBudget((key) => ready.push(key));
        const tryTake = (key: string, endpoint: string): void => {
          if (budget.take(endpoint, { key, priority: PRIORITY.change, limit })) {
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
