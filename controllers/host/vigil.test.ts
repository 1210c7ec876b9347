import { createVigil } from './vigil.ts';

const silent = (nowMs: number, epoch = 1) => ({ epoch, silent: true, nowMs });

test('a silence is counted from the first question without an answer, and no longer once there was one', () => {
  const vigil = createVigil();
  expect(vigil.hear('h', silent(1000))).toEqual({ witnessedMs: 0 });
  expect(vigil.hear('h', silent(4000))).toEqual({ witnessedMs: 3000 });
  expect(vigil.hear('h', { epoch: 1, silent: false, nowMs: 5000 })).toBeUndefined();
  expect(vigil.hear('h', silent(6000))).toEqual({ witnessedMs: 0 });
});

test('a new leadership counts anew, and keeps no proof of the one before', () => {
  const vigil = createVigil();
  vigil.hear('h', silent(0));
  vigil.proven('h', 'b-1');
  expect(vigil.hear('h', silent(9000))).toEqual({ witnessedMs: 9000, offBoot: 'b-1' });
  expect(vigil.hear('h', silent(10_000, 2))).toEqual({ witnessedMs: 0 });
});

test('a host that answers takes its proof back', () => {
  const vigil = createVigil();
  vigil.hear('h', silent(0));
  vigil.proven('h', 'b-1');
  vigil.hear('h', { epoch: 1, silent: false, nowMs: 1 });
  expect(vigil.hear('h', silent(2))).toEqual({ witnessedMs: 0 });
});
