import { LeaseKind, type Lease } from '../apis/coordination/v1/lease/kind.ts';
import { hang, keptLog, openClientBench, type ClientBench, type Meddle } from '../test/client-bench.ts';
import { createManualClock, type ManualClock } from '../test/manual-clock.ts';
import { elect, LEASE_FINALIZER, type Leadership } from './lease.ts';
import { reflect } from './reflector.ts';

const KEY = { namespace: 'lenticular-system', name: 'shard-z' };
const DURATION_MS = 15_000;

interface Reign {
  readonly epoch: number;
  readonly fromMs: number;
  toMs: number | undefined;
}

interface Candidate {
  readonly identity: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  readonly reigns: Reign[];
  /** What becomes of its requests. */
  readonly link: { meddle: Meddle };
  leadership(): Leadership | undefined;
}

let bench: ClientBench;
let clock: ManualClock;
let candidates: Candidate[];
beforeEach(async () => {
  bench = await openClientBench();
  clock = createManualClock(Date.parse('2026-06-01T00:00:00Z'));
  candidates = [];
});
afterEach(async () => {
  for (const { stop } of candidates) stop.abort(new Error('the test has ended'));
  await clock.advance(2_000);
  await Promise.all(candidates.map(({ ended }) => ended));
  await bench.close();
});

const waiting = ({ signal }: Leadership): Promise<void> => hang(signal).catch(() => undefined);

/** A candidate that sees Leases change. */
function candidate(identity: string, { lead = waiting, eager = (): boolean => true } = {}): Candidate {
  const stop = new AbortController();
  const reigns: Reign[] = [];
  let current: Leadership | undefined;
  const link: { meddle: Meddle } = { meddle: () => undefined };
  const client = bench.clientOf((request, signal) => link.meddle(request, signal));
  const base = { client, clock, random: () => 0.5, log: keptLog() };
  const leases = reflect<Lease>(client, LeaseKind, { ...base, namespace: KEY.namespace }, stop.signal);
  const ended = elect(
    { ...base, ...KEY, identity, durationMs: DURATION_MS, leases, eager },
    async (leadership) => {
      const reign: Reign = { epoch: leadership.epoch(), fromMs: clock.monotonic(), toMs: undefined };
      reigns.push(reign);
      current = leadership;
      await lead(leadership);
      current = undefined;
      reign.toMs = clock.monotonic();
    },
    stop.signal,
  );
  const made: Candidate = { identity, stop, ended, reigns, link, leadership: () => current };
  candidates.push(made);
  return made;
}

const cut: Meddle = (_request, signal) => hang(signal);
const lease = (): Promise<Lease | undefined> => bench.client.get<Lease>(LeaseKind, KEY, bench.signal);
const leading = (): readonly string[] => candidates.filter((one) => one.leadership() !== undefined).map(({ identity }) => identity);

test('the next leads within 300 ms when the first hands over', async () => {
  const first = candidate('a');
  await clock.advance(100);
  candidate('b');
  await clock.advance(20_000);
  first.stop.abort(new Error('restart'));
  await clock.advance(300);
  await first.ended;
  expect(leading()).toEqual(['b']);
});

test('the next leads within the lease time and two seconds when the first dies, and never before it has stopped', async () => {
  const first = candidate('a');
  await clock.advance(100);
  const second = candidate('b');
  await clock.advance(7_000);
  first.link.meddle = cut;
  const cutMs = clock.monotonic();
  while (second.reigns.length === 0 && clock.monotonic() < cutMs + 60_000) await clock.advance(100);
  expect((second.reigns[0]?.fromMs ?? Infinity) - cutMs).toBeLessThanOrEqual(DURATION_MS + 2_000);
  expect(second.reigns[0]?.fromMs).toBeGreaterThan(first.reigns[0]?.toMs ?? Infinity);
});

test('a lease that is deleted makes the leader stop at once, and nobody else leads before it has', async () => {
  const slowly = async (leadership: Leadership): Promise<void> => {
    await waiting(leadership);
    await clock.sleep(700, bench.signal);
  };
  const first = candidate('a', { lead: slowly });
  await clock.advance(100);
  const second = candidate('b');
  await clock.advance(100);
  const epoch = first.reigns[0]?.epoch ?? 0;
  const { signal } = first.leadership() ?? {};
  await bench.client.delete(LeaseKind, KEY, bench.signal);
  await clock.advance(50);
  expect(signal?.aborted).toBe(true);
  expect((await lease())?.metadata).toMatchObject({ finalizers: [LEASE_FINALIZER] });
  expect(second.reigns).toEqual([]);
  await clock.advance(800);
  expect(leading()).toHaveLength(1);
  const last = [...first.reigns, ...second.reigns].at(-1);
  expect(last?.epoch).toBeGreaterThan(epoch);
  expect(last?.fromMs).toBeGreaterThanOrEqual(first.reigns[0]?.toMs ?? Infinity);
});

test('a lease that is deleted while its leader is cut off is let go only when that has run out of time, also for who came later', async () => {
  const first = candidate('a');
  await clock.advance(100);
  first.link.meddle = cut;
  await bench.client.delete(LeaseKind, KEY, bench.signal);
  const late = candidate('late');
  await clock.advance(DURATION_MS - 200);
  expect(late.reigns).toEqual([]);
  await clock.advance(2_000);
  expect(late.reigns).toHaveLength(1);
  expect(late.reigns[0]?.fromMs).toBeGreaterThan(first.reigns[0]?.toMs ?? Infinity);
  expect(late.reigns[0]?.epoch).toBeGreaterThan(first.reigns[0]?.epoch ?? Infinity);
});

test('a leader hands back to the one that it names, within 300 ms, and nobody is faster; without that one another follows', async () => {
  const first = candidate('a');
  await clock.advance(100);
  const heir = candidate('heir');
  const third = candidate('third');
  await clock.advance(1_000);
  first.leadership()?.handBack('heir');
  await clock.advance(300);
  expect(leading()).toEqual(['heir']);
  expect((await lease())?.spec.preferredHolder).toBeUndefined();
  heir.leadership()?.handBack('nobody');
  await clock.advance(900);
  expect(leading()).toEqual([]);
  await clock.advance(400);
  expect(leading()).toHaveLength(1);
  expect(third.reigns.length + first.reigns.length + heir.reigns.length).toBe(3);
});

test('who leads enough already lets others go first, but not for ever', async () => {
  const busy = candidate('busy', { eager: () => false });
  await clock.advance(900);
  expect(leading()).toEqual([]);
  await clock.advance(200);
  expect(leading()).toEqual(['busy']);
  candidate('idle');
  await clock.advance(500);
  busy.leadership()?.handBack('');
  await clock.advance(100);
  expect(leading()).toEqual(['idle']);
});

test('a leader that is told by the watch that another holds the lease stops at once', async () => {
  const leader = candidate('a');
  await clock.advance(100);
  await bench.client.patch(LeaseKind, KEY, { spec: { holderIdentity: 'b', leaseTransitions: 2 ** 30 } }, bench.signal);
  await clock.advance(50);
  expect(leader.reigns[0]?.toMs).toBeDefined();
});
