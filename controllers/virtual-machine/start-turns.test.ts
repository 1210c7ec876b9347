import type { Clock } from '../../apis/meta/clock.ts';
import type { VirtualMachine } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import { vm } from './plan/test-rows.ts';
import { createStartTurns } from './start-turns.ts';

function turnsByHand() {
  let nowMs = 0;
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, sleep: () => Promise.reject(new Error('nobody sleeps')) };
  return { turns: createStartTurns(clock), pass: (ms: number): void => void (nowMs += ms), now: () => nowMs };
}

function named(uid: string, spec: object = {}, creationTimestamp = '2026-01-01T00:00:00Z'): VirtualMachine {
  const made = vm({ spec });
  return { ...made, metadata: { ...made.metadata, uid, creationTimestamp } };
}

/** Lets all of them ask, and again when their turn is said to be, until all were started; who was when. */
function startAll(all: readonly VirtualMachine[], hostOf: (vm: VirtualMachine) => string, pools: readonly string[] = []) {
  const { turns, pass, now } = turnsByHand();
  const due = new Map(all.map((one) => [one, 0]));
  const started: { readonly uid: string; readonly atMs: number }[] = [];
  while (due.size > 0) {
    const [next, atMs] = [...due].reduce((first, other) => (other[1] < first[1] ? other : first));
    pass(Math.max(0, atMs - now()));
    const waitMs = turns.ask(next, { host: hostOf(next), pools });
    if (waitMs > 0) due.set(next, now() + waitMs);
    else {
      due.delete(next);
      started.push({ uid: next.metadata.uid, atMs: now() });
    }
  }
  return started;
}

const many = (count: number): readonly VirtualMachine[] =>
  Array.from({ length: count }, (_, at) => named(`m-${String(at).padStart(4, '0')}`));

/** The most that were started in any span of so many ms. */
function mostWithin(started: readonly { readonly atMs: number }[], spanMs: number): number {
  return Math.max(...started.map(({ atMs }) => started.filter((other) => other.atMs >= atMs && other.atMs < atMs + spanMs).length));
}

test('a host starts two at once and then one a second, and all are started', () => {
  const started = startAll(many(30), () => 'host-1');
  expect(new Set(started.map(({ uid }) => uid)).size).toBe(30);
  expect(mostWithin(started, 1000)).toBeLessThanOrEqual(2);
  expect(started.at(-1)?.atMs).toBeLessThanOrEqual(30_000);
});

test('a pool starts sixteen at once and then eight a second, on however many hosts', () => {
  const started = startAll(many(200), ({ metadata }) => `host of ${metadata.uid}`, ['pool-1']);
  expect(started).toHaveLength(200);
  expect(mostWithin(started, 1000)).toBeLessThanOrEqual(24);
  expect(started.at(-1)?.atMs).toBeLessThanOrEqual(25_000);
});

test('after the first two, the most needed goes first: by onHostFailure, then by restartPolicy, then by age', () => {
  const young = '2026-02-02T00:00:00Z';
  const all = [
    named('first'),
    named('second'),
    named('fails', { onHostFailure: 'Fail' }),
    named('waits', { onHostFailure: 'Wait' }),
    named('young', {}, young),
    named('once', { restartPolicy: 'OnFailure' }),
    named('old'),
  ];
  expect(startAll(all, () => 'host-1').map(({ uid }) => uid)).toEqual(['first', 'second', 'old', 'young', 'once', 'waits', 'fails']);
});

test('hosts do not wait for each other, and who leaves, or does not come back, keeps nobody waiting', () => {
  const { turns, pass } = turnsByHand();
  const [one, two, needed, other] = [named('a'), named('b'), named('c'), named('d', { onHostFailure: 'Fail' })];
  const at = { host: 'host-1', pools: [] };
  expect([turns.ask(one, at), turns.ask(two, at)]).toEqual([0, 0]);
  expect(turns.ask(needed, at)).toBe(1000);
  expect(turns.ask(other, at)).toBe(2000);
  expect(turns.ask(named('elsewhere'), { host: 'host-2', pools: [] })).toBe(0);
  pass(1000);
  turns.leave('c');
  expect(turns.ask(other, at)).toBe(0);
  expect(turns.ask(needed, at)).toBe(1000);
  expect(turns.ask(named('e', { onHostFailure: 'Fail' }), at)).toBe(2000);
  pass(11_001);
  expect(turns.ask(named('f', { onHostFailure: 'Fail' }, '2027-01-01T00:00:00Z'), at)).toBeGreaterThan(0);
  pass(1_000);
  expect(turns.ask(named('f', { onHostFailure: 'Fail' }, '2027-01-01T00:00:00Z'), at)).toBe(0);
});
