import { openEtcdStore } from '../../server/store/etcd.ts';
import { realClock } from '../programs/clock.ts';
import { startTestEtcd, type TestEtcd } from '../programs/etcd.ts';
import { requires } from '../prerequisites.ts';
import { watchThroughProxy, writeBacklog, type Backlog } from './stream-cuts.ts';

const signal = AbortSignal.timeout(600_000);
const EVENTS = 5000;
const OFFSETS = 30;
const AT_ONCE = 3;
const PREFIX = '/cut/';
let etcd: TestEtcd;
let backlog: Backlog;
let bytes: number;

requires('etcd')('a backlog of 5,000 events from a real etcd', () => {
  beforeAll(async () => {
    etcd = await startTestEtcd();
    const store = await openEtcdStore({ endpoints: [etcd.endpoint], prefix: PREFIX, clock: realClock }, signal);
    backlog = await writeBacklog(store, PREFIX, EVENTS, signal);
    await store.close();
    const whole = await watchThroughProxy(etcd.port, backlog, () => undefined, signal);
    expect(whole.revisions).toEqual(backlog.revisions);
    ({ bytes } = whole);
  }, 240_000);
  afterAll(async () => {
    await etcd.end();
  });

  test(`arrives whole, once, in order and revision by revision when the link is cut at any of ${String(OFFSETS)} places`, async () => {
    const offsets = Array.from({ length: OFFSETS }, (_, at) => 1 + Math.floor((bytes * 0.95 * at) / OFFSETS));
    const work = async (): Promise<void> => {
      for (let offset = offsets.shift(); offset !== undefined; offset = offsets.shift()) {
        const place = offset;
        const seen = await watchThroughProxy(etcd.port, backlog, (proxy) => proxy.breakAfter(place, 'cut'), signal);
        expect(seen.at).toBeDefined();
        expect(seen.revisions).toEqual(backlog.revisions);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }, 240_000);

  test('arrives the same when the link goes silent without closing, which is noticed within 10 seconds', async () => {
    const places = [0.001, 0.3, 0.6, 0.9].map((part) => Math.ceil(bytes * part));
    const all = await Promise.all(
      places.map((offset) => watchThroughProxy(etcd.port, backlog, (proxy) => proxy.breakAfter(offset, 'half-open'), signal)),
    );
    for (const { revisions, at = NaN, reopened = NaN } of all) {
      expect(revisions).toEqual(backlog.revisions);
      expect(reopened - at).toBeLessThanOrEqual(10_000);
    }
  }, 240_000);

  test('arrives the same over a link that delays every piece', async () => {
    const seen = await watchThroughProxy(etcd.port, backlog, (proxy) => proxy.delay(15), signal);
    expect(seen.revisions).toEqual(backlog.revisions);
  }, 240_000);
});
