import { setImmediate as turn } from 'node:timers/promises';
import { LeaseKind, type Lease } from '../apis/coordination/v1/lease/kind.ts';
import type { ApiRequest, Transport } from '../apis/meta/request.ts';
import { ADMIN, openBench, type Bench } from '../test/api-bench.ts';
import { createManualClock, type ManualClock } from '../test/manual-clock.ts';
import { createTestLog } from '../test/toy-world.ts';
import { createClient } from './api-client.ts';
import type { Client } from './client.ts';
import { elect, type Leadership } from './lease.ts';

const KEY = { namespace: 'lenticular-system', name: 'shard-z1' };
const DURATION_MS = 15_000;
const signal = new AbortController().signal;

let bench: Bench;
let clock: ManualClock;
let client: Client;
/** How far the clock has gone on without any timer noticing. */
let frozenMs: number;
let stops: AbortController[];
let ends: Promise<void>[];

beforeEach(async () => {
  bench = await openBench();
  clock = createManualClock();
  client = createClient({ transport: bench.api.handle, caller: ADMIN, userAgent: 'test' });
  frozenMs = 0;
  stops = [];
  ends = [];
});
afterEach(async () => {
  for (const stop of stops) stop.abort(new Error('the test is over'));
  await Promise.all([...ends, pass(2_000)]);
  await bench.close();
});

/** Lets time pass in small steps, with room for the server's answers in between. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    await clock.advance(Math.min(250, left));
    for (let turns = 0; turns < 20; turns += 1) await turn();
  }
}

interface Candidate {
  readonly reigns: { readonly leadership: Leadership; readonly epoch: number }[];
  /** The one that leads now. */
  current(): Leadership | undefined;
  readonly stop: AbortController;
  /** Whether its requests are answered. */
  online: boolean;
  readonly asked: ApiRequest[];
}

function candidate(identity: string, isDead?: (holder: string) => boolean): Candidate {
  const stop = new AbortController();
  const reigns: Candidate['reigns'] = [];
  const self: Candidate = {
    reigns,
    stop,
    online: true,
    asked: [],
    current: () => reigns.map(({ leadership }) => leadership).find((leadership) => !leadership.signal.aborted),
  };
  const transport: Transport = (request, ending) => {
    self.asked.push(request);
    ending.throwIfAborted();
    if (self.online) return bench.api.handle(request, ending);
    return new Promise((_resolve, reject) => {
      ending.addEventListener('abort', () => reject(ending.reason as Error), { once: true });
    });
  };
  const own = { ...clock, monotonic: () => clock.monotonic() + frozenMs };
  const options = {
    clock: own,
    random: () => 0.5,
    log: createTestLog(),
    ...KEY,
    identity,
    durationMs: DURATION_MS,
    ...(isDead && { isDead }),
  };
  const lead = (leadership: Leadership): Promise<void> => {
    reigns.push({ leadership, epoch: leadership.epoch() });
    return new Promise((resolve) => {
      leadership.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  };
  const asking = createClient({ transport, caller: ADMIN, userAgent: identity });
  ends.push(elect({ client: asking, ...options }, lead, stop.signal));
  stops.push(stop);
  return self;
}

const lease = (): Promise<Lease | undefined> => client.get<Lease>(LeaseKind, KEY, signal);

describe('an election by Lease', () => {
  test('has one leader, who stays as long as it renews', async () => {
    const [a, b] = [candidate('a'), candidate('b')];
    await pass(120_000);
    expect([a.reigns.length + b.reigns.length, [a, b].filter((one) => one.current()).length]).toEqual([1, 1]);
    expect((await lease())?.spec).toMatchObject({ leaseDurationSeconds: 15 });
  });

  test('goes to the next one only after the leader that is cut off has stopped by its own clock, within the lease time and a look', async () => {
    const a = candidate('a');
    await pass(1_000);
    const b = candidate('b');
    await pass(20_000);
    expect(b.reigns).toEqual([]);
    a.online = false;
    let waitedMs = 0;
    let stoppedMs = 0;
    for (; b.current() === undefined && waitedMs < 60_000; waitedMs += 250) {
      await pass(250);
      if (a.current() === undefined && stoppedMs === 0) stoppedMs = waitedMs;
      expect(a.current() === undefined || b.current() === undefined).toBe(true);
    }
    expect(stoppedMs).toBeGreaterThan(0);
    expect(stoppedMs).toBeLessThanOrEqual(DURATION_MS * 0.8);
    expect(waitedMs).toBeGreaterThan(stoppedMs);
    expect(waitedMs).toBeLessThanOrEqual(DURATION_MS + 4_000);
    expect(b.reigns[0]?.epoch).toBeGreaterThan(a.reigns[0]?.epoch ?? 0);
  });

  test('outlives one renewal that hangs', async () => {
    const a = candidate('a');
    await pass(1_000);
    await pass(3_000);
    a.online = false;
    await pass(4_000);
    a.online = true;
    await pass(20_000);
    expect(a.reigns).toHaveLength(1);
    expect(a.current()).toBeDefined();
  });

  test('a leader that was frozen past its deadline learns it from the clock itself, before any timer has fired', async () => {
    const a = candidate('a');
    await pass(1_000);
    const leadership = a.current();
    expect(() => leadership?.check()).not.toThrow();
    a.online = false;
    frozenMs = DURATION_MS;
    expect(() => leadership?.check()).toThrow('could not be renewed in time');
    expect(leadership?.signal.aborted).toBe(true);
  });

  test('an end hands the lease over: the next leader does not wait for its time to run out', async () => {
    const a = candidate('a');
    await pass(1_000);
    const b = candidate('b');
    await pass(1_000);
    a.stop.abort(new Error('ends'));
    await pass(4_000);
    expect(b.current()).toBeDefined();
    expect((await lease())?.spec.holderIdentity).toBe('b');
  });

  test('a holder that is known to be dead is not waited for', async () => {
    const a = candidate('a');
    await pass(1_000);
    a.online = false;
    const b = candidate('b', (holder) => holder === 'a');
    await pass(250);
    expect(b.current()).toBeDefined();
  });

  test('a lease that is deleted, or made anew with less, ends the reign, and no epoch ever comes back', async () => {
    const a = candidate('a');
    await pass(1_000);
    await a.current()?.raise(500_000_000, signal);
    const epochs = [a.current()?.epoch() ?? 0];
    await client.delete(LeaseKind, KEY, signal);
    await pass(10_000);
    epochs.push(a.current()?.epoch() ?? 0);
    await client.delete(LeaseKind, KEY, signal);
    await client.create(
      LeaseKind,
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: KEY, spec: { leaseTransitions: 3 } },
      signal,
    );
    await pass(10_000);
    epochs.push(a.current()?.epoch() ?? 0);
    expect(epochs[0]).toBe(500_000_001);
    expect(epochs[1]).toBeGreaterThan(epochs[0] ?? 0);
    expect(epochs[2]).toBeGreaterThan(epochs[1] ?? 0);
    expect(a.reigns).toHaveLength(3);
  });

  test('a lease made anew begins above the epochs of a predecessor that nobody here has seen', async () => {
    const a = candidate('a');
    await pass(60_000);
    const before = a.reigns[0]?.epoch ?? 0;
    a.stop.abort(new Error('ends'));
    await pass(1_000);
    await client.delete(LeaseKind, KEY, signal);
    const b = candidate('b');
    await pass(1_000);
    expect(b.reigns[0]?.epoch).toBeGreaterThan(before);
  });

  test('a change of the lease by somebody else, such as an annotation, does not unseat the leader', async () => {
    const a = candidate('a');
    await pass(1_000);
    await client.patch(LeaseKind, KEY, { metadata: { annotations: { note: 'seen' } }, spec: { leaseTransitions: 1 } }, signal);
    await pass(30_000);
    expect(a.reigns).toHaveLength(1);
    const { metadata, spec } = (await lease()) ?? {};
    expect(metadata?.annotations).toEqual({ note: 'seen' });
    expect(spec?.leaseTransitions).toBe(a.current()?.epoch());
  });

  test('raising the epoch passes what a device has seen, also while renewals go on; one who lost the lease cannot', async () => {
    const a = candidate('a');
    await pass(1_000);
    const leadership = a.current();
    const above = (leadership?.epoch() ?? 0) + 10;
    await Promise.all([pass(20_000), leadership?.raise(above, signal), leadership?.raise(above - 5, signal)]);
    expect(leadership?.epoch()).toBe(above + 1);
    expect((await lease())?.spec.leaseTransitions).toBe(above + 1);
    await client.patch(LeaseKind, KEY, { spec: { holderIdentity: 'usurper' } }, signal);
    await expect(leadership?.raise(above + 5, signal)).rejects.toMatchObject({ reason: 'Conflict' });
    expect(leadership?.signal.aborted).toBe(true);
  });
});
