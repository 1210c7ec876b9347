import fc from 'fast-check';
import { LeaseKind, type Lease } from '../apis/coordination/v1/lease/kind.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import type { Clock } from '../apis/meta/clock.ts';
import { hang, keptLog, openClientBench, watchRejections, type ClientBench, type Meddle } from '../test/client-bench.ts';
import { createManualClock, type ManualClock } from '../test/manual-clock.ts';
import type { Client } from './client.ts';
import { elect, type Leadership } from './lease.ts';

const KEY = { namespace: 'lenticular-system', name: 'shard-z' };
const DURATION_MS = 15_000;

let bench: ClientBench;
let clock: ManualClock;
let rejections: ReturnType<typeof watchRejections>;
let candidates: Candidate[];
beforeEach(async () => {
  bench = await openClientBench();
  clock = createManualClock(Date.parse('2026-06-01T00:00:00Z'));
  candidates = [];
  rejections = watchRejections();
});
afterEach(async () => {
  for (const { stop } of candidates) stop.abort(new Error('the test has ended'));
  await clock.advance(2_000);
  await Promise.all(candidates.map(({ ended }) => ended));
  await bench.close();
  rejections.end();
  expect(rejections.seen).toEqual([]);
});

interface Candidate {
  readonly identity: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** All epochs that it led at, with when. */
  readonly reigns: { readonly epoch: number; readonly fromMs: number; toMs: number | undefined }[];
  leadership(): Leadership | undefined;
}

interface Taking {
  readonly client?: Client;
  readonly isDead?: (holder: string) => boolean;
  readonly clock?: Clock;
  readonly durationMs?: number;
  readonly lead?: (leadership: Leadership) => Promise<void>;
}

function candidate(identity: string, taking: Taking = {}): Candidate {
  const stop = new AbortController();
  const reigns: Candidate['reigns'] = [];
  let current: Leadership | undefined;
  const lead = async (leadership: Leadership): Promise<void> => {
    const reign: Candidate['reigns'][number] = { epoch: leadership.epoch(), fromMs: clock.monotonic(), toMs: undefined };
    reigns.push(reign);
    current = leadership;
    await (taking.lead ?? (({ signal }) => hang(signal).catch(() => undefined)))(leadership);
    current = undefined;
    reign.toMs = clock.monotonic();
  };
  const { client = bench.client, isDead, durationMs = DURATION_MS } = taking;
  const ended = elect(
    {
      ...KEY,
      client,
      clock: taking.clock ?? clock,
      random: () => 0.5,
      log: keptLog(),
      identity,
      durationMs,
      ...(isDead && { isDead }),
    },
    lead,
    stop.signal,
  );
  const made = { identity, stop, ended, reigns, leadership: () => current };
  candidates.push(made);
  return made;
}

const lease = (): Promise<Lease | undefined> => bench.client.get<Lease>(LeaseKind, KEY, bench.signal);
const leading = (): readonly string[] => candidates.filter((one) => one.leadership() !== undefined).map(({ identity }) => identity);
/** A process whose requests of a kind are lost from some moment on. */
function cuttable(): { readonly client: Client; cut: Meddle } {
  const made = { client: bench.client, cut: (() => undefined) as Meddle };
  made.client = bench.clientOf((request, signal) => made.cut(request, signal));
  return made;
}

describe('of several candidates', () => {
  test('exactly one leads, for as long as it renews', async () => {
    for (const name of ['a', 'b', 'c']) candidate(name);
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1_000);
      expect(leading()).toHaveLength(1);
    }
    expect(candidates.flatMap(({ reigns }) => reigns)).toHaveLength(1);
    expect((await lease())?.spec).toMatchObject({ holderIdentity: leading()[0], leaseDurationSeconds: 15 });
  });

  test('the next leads within a quarter of the lease time when the first hands over, at a greater epoch', async () => {
    const first = candidate('a');
    await clock.advance(100);
    const second = candidate('b');
    await clock.advance(20_000);
    first.stop.abort(new Error('restart'));
    await clock.advance(0);
    await first.ended;
    expect((await lease())?.spec.holderIdentity).toBe('');
    await clock.advance(DURATION_MS / 4);
    expect(leading()).toEqual(['b']);
    expect(second.reigns[0]?.epoch).toBeGreaterThan(first.reigns[0]?.epoch ?? 0);
  });

  test('hands over cleanly also when it is stopped in the middle of a renewal', async () => {
    const a = cuttable();
    const first = candidate('a', { client: a.client });
    await clock.advance(100);
    // The renewal is written, and its answer never arrives.
    a.cut = (request, signal) =>
      request.method === 'PUT' && !JSON.stringify(request.body).includes('holderIdentity\\":\\"\\"')
        ? bench.api.handle(request, bench.signal).then(() => hang(signal))
        : undefined;
    await clock.advance(5_000);
    first.stop.abort(new Error('restart'));
    await clock.advance(1_000);
    await first.ended;
    expect((await lease())?.spec.holderIdentity).toBe('');
  });

  test('nobody takes over from a dead leader before its lease has run out by their own clock, and somebody does soon after', async () => {
    const a = cuttable();
    candidate('a', { client: a.client });
    await clock.advance(100);
    const second = candidate('b');
    await clock.advance(5_000);
    a.cut = (_request, signal) => hang(signal);
    const cutMs = clock.monotonic();
    while (second.reigns.length === 0 && clock.monotonic() < cutMs + 60_000) await clock.advance(100);
    const [first] = candidates;
    const [end] = first?.reigns ?? [];
    expect(end?.toMs).toBeLessThanOrEqual(cutMs + DURATION_MS * 0.8);
    expect(second.reigns[0]?.fromMs).toBeGreaterThan(end?.toMs ?? Infinity);
    expect((second.reigns[0]?.fromMs ?? 0) - cutMs).toBeLessThan(DURATION_MS * 1.3);
  });

  test('a holder that is known to be dead is not waited for', async () => {
    candidate('family_old');
    await clock.advance(100);
    await bench.client.patch(LeaseKind, KEY, { spec: { holderIdentity: 'family_dead' } }, bench.signal);
    candidate('family_new', { isDead: (holder) => holder === 'family_dead' });
    await clock.advance(0);
    expect(leading()).toContain('family_new');
  });

  test('one with a shorter lease time waits as long as the lease of the other says', async () => {
    const a = cuttable();
    candidate('a', { client: a.client });
    await clock.advance(100);
    a.cut = (_request, signal) => hang(signal);
    const hasty = candidate('b', { durationMs: 3_000 });
    await clock.advance(DURATION_MS - 200);
    expect(hasty.reigns).toEqual([]);
    await clock.advance(1_500);
    expect(hasty.reigns).toHaveLength(1);
  });
});

describe('a leader', () => {
  test('stops before its lease can expire when a renewal hangs, counted from when the last one was sent', async () => {
    const a = cuttable();
    let answerMs = 0;
    // Each renewal takes 2 s on its way back; what counts is when it was sent.
    a.cut = (request) =>
      request.method === 'PUT' && answerMs > 0
        ? bench.api.handle(request, bench.signal).then(async (answer) => {
            await clock.sleep(answerMs, bench.signal);
            return answer;
          })
        : undefined;
    const leader = candidate('a', { client: a.client });
    await clock.advance(100);
    answerMs = 2_000;
    await clock.advance(7_500);
    expect(leading()).toEqual(['a']);
    const sentMs = 5_000;
    a.cut = (_request, signal) => hang(signal);
    await clock.advance(sentMs + DURATION_MS * 0.8 - clock.monotonic() - 10);
    expect(leading()).toEqual(['a']);
    await clock.advance(11);
    expect(leader.reigns[0]?.toMs).toBeLessThanOrEqual(sentMs + DURATION_MS * 0.8 + 1);
  });

  test('may not act past its deadline even when no timer has told it yet', async () => {
    let late = 0;
    const frozen: Clock = { ...clock, monotonic: () => clock.monotonic() + late };
    const leader = candidate('a', { clock: frozen });
    await clock.advance(100);
    leader.leadership()?.check();
    const { check, signal } = leader.leadership() ?? {};
    late = DURATION_MS;
    expect(check).toThrow(ApiError);
    expect(signal?.aborted).toBe(true);
  });

  test('survives one renewal that hangs', async () => {
    const a = cuttable();
    const leader = candidate('a', { client: a.client });
    let hung = 0;
    a.cut = (request, signal) => (request.method === 'PUT' && (hung += 1) === 1 ? hang(signal) : undefined);
    await clock.advance(60_000);
    expect(hung).toBeGreaterThan(3);
    expect(leader.reigns).toHaveLength(1);
    expect(leading()).toEqual(['a']);
  });

  test('survives a server that is away for two thirds of the lease time', async () => {
    const a = cuttable();
    const leader = candidate('a', { client: a.client });
    await clock.advance(5_100);
    a.cut = () => Promise.reject(new ApiError('ServiceUnavailable', 'restarting'));
    await clock.advance(10_000);
    a.cut = () => undefined;
    await clock.advance(30_000);
    expect(leader.reigns).toHaveLength(1);
    expect(leading()).toEqual(['a']);
  });

  test('stops when its lease is deleted, and whoever comes next has a greater epoch', async () => {
    const first = candidate('a');
    await clock.advance(100);
    const second = candidate('b');
    await clock.advance(100);
    await bench.client.delete(LeaseKind, KEY, bench.signal);
    await clock.advance(DURATION_MS);
    const epochs = [...first.reigns, ...second.reigns].map(({ epoch }) => epoch);
    expect(epochs.length).toBeGreaterThan(1);
    expect(new Set(epochs).size).toBe(epochs.length);
    expect(first.reigns[0]?.toMs).toBeLessThanOrEqual(DURATION_MS / 3 + 300);
    expect(leading()).toHaveLength(1);
  });

  test('stops when somebody made its lease anew, though the name is the same and even the holder', async () => {
    const first = candidate('a');
    await clock.advance(100);
    const before = await lease();
    await bench.client.delete(LeaseKind, KEY, bench.signal);
    await bench.client.patch(LeaseKind, KEY, { metadata: { finalizers: [] } }, bench.signal);
    const { leaseTransitions: _old, ...spec } = before?.spec ?? {};
    await bench.client.create(
      LeaseKind,
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: KEY, spec: { ...spec, leaseTransitions: 0 } },
      bench.signal,
    );
    await clock.advance(DURATION_MS * 2);
    expect(first.reigns.length).toBeGreaterThan(1);
    expect(first.reigns[1]?.epoch).toBeGreaterThan(first.reigns[0]?.epoch ?? Infinity);
  });

  test('keeps its lease when somebody labels it', async () => {
    const leader = candidate('a');
    for (let index = 0; index < 5; index += 1) {
      await clock.advance(4_000);
      await bench.client.patch(LeaseKind, KEY, { metadata: { labels: { touched: String(index) } } }, bench.signal);
    }
    await clock.advance(20_000);
    expect(leader.reigns).toHaveLength(1);
    expect(leading()).toEqual(['a']);
  });

  test('whose work ends takes part again after a pause, never in a hot loop', async () => {
    const leader = candidate('a', { lead: () => Promise.resolve() });
    await clock.advance(DURATION_MS);
    expect(leader.reigns.length).toBeGreaterThan(1);
    expect(leader.reigns.length).toBeLessThan(8);
  });

  test('whose work fails goes on taking part', async () => {
    const leader = candidate('a', { lead: () => Promise.reject(new Error('a defect')) });
    await clock.advance(DURATION_MS);
    expect(leader.reigns.length).toBeGreaterThan(1);
  });
});

describe('the epoch', () => {
  test('of a lease made anew is above those of a predecessor that nobody here has seen', async () => {
    const first = candidate('a');
    await clock.advance(100);
    first.stop.abort(new Error('end'));
    await clock.advance(1_000);
    await first.ended;
    await bench.client.delete(LeaseKind, KEY, bench.signal);
    const second = candidate('b');
    await clock.advance(0);
    expect(second.reigns[0]?.epoch).toBeGreaterThan(first.reigns[0]?.epoch ?? Infinity);
  });

  test('is moved above what a driver has seen, by one leader at a time, and stays there', async () => {
    const leader = candidate('a');
    await clock.advance(100);
    const { raise = () => Promise.reject(new Error('nobody leads')), epoch } = leader.leadership() ?? {};
    const above = (epoch?.() ?? 0) + 1_000_000;
    // Eight rounds learn of it at once, while a renewal may be under way.
    await Promise.all(Array.from({ length: 8 }, () => raise(above, bench.signal)));
    expect(epoch?.()).toBe(above + 1);
    expect((await lease())?.spec.leaseTransitions).toBe(above + 1);
    await raise(5, bench.signal);
    expect(epoch?.()).toBe(above + 1);
    await clock.advance(20_000);
    expect(leader.reigns).toHaveLength(1);
  });

  test('is not moved by a leader that lost its lease: it stops instead', async () => {
    const leader = candidate('a');
    await clock.advance(100);
    const { raise, epoch, signal } = leader.leadership() ?? {};
    const before = epoch?.() ?? 0;
    await bench.client.patch(LeaseKind, KEY, { spec: { holderIdentity: 'b', leaseTransitions: before + 1 } }, bench.signal);
    await expect(raise?.(before + 5, bench.signal)).rejects.toMatchObject({ reason: 'Conflict' });
    expect(signal?.aborted).toBe(true);
    expect((await lease())?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: before + 1 });
  });

  test('does not cost the lease when a driver says nonsense', async () => {
    const leader = candidate('a');
    await clock.advance(100);
    const raised = leader.leadership()?.raise(2 ** 40, bench.signal);
    await expect(raised).rejects.toMatchObject({ name: 'ApiError' });
    await clock.advance(20_000);
    expect(leader.reigns).toHaveLength(1);
  });
});

type Move =
  { readonly do: 'wait'; readonly ms: number } | { readonly do: 'delete' | 'cut' | 'mend' | 'restart' | 'raise'; readonly who: number };

test('over random histories at most one acts at a time, and no epoch is ever used by two', async () => {
  const who = fc.nat(2);
  const moves = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
      fc.record({ do: fc.constantFrom('delete' as const, 'cut' as const, 'mend' as const, 'restart' as const, 'raise' as const), who }),
    ),
    { minLength: 3, maxLength: 10 },
  );
  await fc.assert(
    fc.asyncProperty(moves, async (history: readonly Move[]) => {
      await bench.client.delete(LeaseKind, KEY, bench.signal);
      clock = createManualClock(clock.now() + 60_000);
      candidates = [];
      const links = [cuttable(), cuttable(), cuttable()];
      const now = links.map(({ client }, index) => candidate(`p${String(index)}-0`, { client }));
      for (const [index, move] of history.entries()) {
        if (move.do === 'wait') await clock.advance(move.ms);
        else if (move.do === 'delete') {
          await clock.advance(1_000);
          await bench.client.delete(LeaseKind, KEY, bench.signal);
        } else await meddleWith(move, { links, now, index });
        await clock.advance(0);
        expect(leading().length).toBeLessThan(2);
      }
      for (const { stop } of candidates) stop.abort(new Error('end'));
      await clock.advance(2_000);
      await Promise.all(candidates.map(({ ended }) => ended));
      const reigns = candidates.flatMap((one) => one.reigns).sort((one, other) => one.fromMs - other.fromMs);
      const epochs = reigns.map(({ epoch }) => epoch);
      expect(epochs).toEqual([...new Set(epochs)].sort((one, other) => one - other));
    }),
    { numRuns: 100, seed: 7 },
  );
}, 30_000);

interface Scene {
  readonly links: readonly { cut: Meddle; readonly client: Client }[];
  readonly now: Candidate[];
  readonly index: number;
}

async function meddleWith(move: Extract<Move, { readonly who: number }>, { links, now, index }: Scene): Promise<void> {
  const link = links[move.who];
  const one = now[move.who];
  if (link === undefined || one === undefined) return;
  if (move.do === 'cut') link.cut = (_request, signal) => hang(signal);
  else if (move.do === 'mend') link.cut = () => undefined;
  else if (move.do === 'raise') {
    const raised = one.leadership();
    await raised?.raise(raised.epoch() + 3, AbortSignal.any([bench.signal, raised.signal, AbortSignal.timeout(20)])).catch(() => undefined);
  } else {
    one.stop.abort(new Error('restart'));
    await clock.advance(1_000);
    now[move.who] = candidate(`p${String(move.who)}-${String(index + 1)}`, { client: link.client });
  }
}
