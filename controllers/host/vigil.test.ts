import { createVigil } from './vigil.ts';

const silent = (nowMs: number, epoch = 1) => ({ epoch, silent: true, nowMs });
const answers = (nowMs: number, epoch = 1) => ({ epoch, silent: false, nowMs });

test('a silence counts from the first question without an answer, and no longer once there was one', () => {
  const vigil = createVigil();
  expect(vigil.hear('h', silent(1000))).toMatchObject({ sinceMs: 1000 });
  expect(vigil.hear('h', silent(4000))).toMatchObject({ sinceMs: 1000 });
  expect(vigil.hear('h', answers(5000))).toBeUndefined();
  expect(vigil.hear('h', silent(6000))).toMatchObject({ sinceMs: 6000 });
});

test('a new leadership counts anew, and keeps no proof of the one before', () => {
  const vigil = createVigil();
  vigil.hear('h', silent(0));
  vigil.proven('h', 'b-1');
  expect(vigil.hear('h', silent(9000))).toMatchObject({ sinceMs: 0, offBoot: 'b-1' });
  expect(vigil.hear('h', silent(10_000, 2))).toEqual({ epoch: 2, sinceMs: 10_000 });
});

test('a host that answers takes its proof back', () => {
  const vigil = createVigil();
  vigil.hear('h', silent(0));
  vigil.proven('h', 'b-1');
  vigil.hear('h', answers(1));
  expect(vigil.hear('h', silent(2))).toEqual({ epoch: 1, sinceMs: 2 });
});

test('only an answer to this leader, after that moment, is one since then', () => {
  const vigil = createVigil();
  vigil.hear('h', answers(100));
  expect([vigil.answeredSince('h', 1, 99), vigil.answeredSince('h', 1, 100)]).toEqual([true, false]);
  expect([vigil.answeredSince('h', 2, 99), vigil.answeredSince('other', 1, 0)]).toEqual([false, false]);
  vigil.hear('h', silent(200));
  expect(vigil.answeredSince('h', 1, 0)).toBe(false);
});

test('what a host said of its lease counts for the leader that it said it to, and is forgotten with the host', () => {
  const vigil = createVigil();
  const lease = { token: 't', offeredMs: 1000, inForceMs: 1000, holds: true };
  vigil.renewed('h', { epoch: 1, lease, offeredBy: '1', atMs: 5 });
  expect([vigil.lastRenewal('h', 1)?.atMs, vigil.lastRenewal('h', 2), vigil.lastRenewal('other', 1)]).toEqual([5, undefined, undefined]);
  vigil.hear('h', silent(10));
  expect(vigil.lastRenewal('h', 1)?.atMs).toBe(5);
  vigil.forget('h');
  expect(vigil.lastRenewal('h', 1)).toBeUndefined();
});
