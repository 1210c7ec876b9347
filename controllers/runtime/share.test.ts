import fc from 'fast-check';
import { fairShare, handover, type Spread } from './share.ts';

const spreadOf = (me: string, members: readonly string[], holders: Readonly<Record<string, string>>): Spread => ({
  me,
  members,
  holders: new Map(Object.entries(holders)),
});

test.each([
  ['nobody else is there', spreadOf('a', ['a'], { z1: 'a', z2: 'a' }), undefined],
  ['one more than another is as even as it gets', spreadOf('a', ['a', 'b'], { z1: 'a', z2: 'a', z3: 'b' }), undefined],
  ['two more is one too many', spreadOf('a', ['a', 'b'], { z1: 'a', z2: 'a' }), { shard: 'z2', to: 'b' }],
  ['who leads less than others hands nothing over', spreadOf('b', ['a', 'b'], { z1: 'a', z2: 'a', z3: 'a', z4: 'b' }), undefined],
  ['the one that leads least gets it', spreadOf('a', ['a', 'b', 'c'], { z1: 'a', z2: 'a', z3: 'a', z4: 'b' }), { shard: 'z3', to: 'c' }],
  ['what a dead process holds counts for nobody', spreadOf('a', ['a', 'b'], { z1: 'a', z2: 'dead', z3: 'dead' }), undefined],
])('%s', (_why, spread, expected) => {
  expect(handover(spread)).toEqual(expected);
});

test('handing over comes to an end, from any spread and in any order, with nobody more than one above another', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.nat(5), { maxLength: 30 }),
      fc.array(fc.nat(5), { minLength: 400, maxLength: 400 }),
      (count, owners, turns) => {
        const members = Array.from({ length: count }, (_, index) => `p${String(index)}`);
        const holders = new Map(owners.map((owner, index) => [`z${String(index)}`, members[owner % count] ?? '']));
        let moves = 0;
        for (const turn of turns) {
          const given = handover({ me: members[turn % count] ?? '', members, holders });
          if (given === undefined) continue;
          moves += 1;
          holders.set(given.shard, given.to);
        }
        const counts = members.map((member) => [...holders.values()].filter((holder) => holder === member).length);
        const settled = members.every((me) => handover({ me, members, holders }) === undefined);
        expect(moves).toBeLessThanOrEqual(owners.length);
        if (settled) {
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          expect(Math.max(...counts)).toBeLessThanOrEqual(fairShare(owners.length, count));
        }
      },
    ),
  );
});
