import { isDeepStrictEqual } from 'node:util';
import { openEtcdStore } from '../server/store/etcd.ts';
import { realClock } from '../test/programs/clock.ts';
import { startTestEtcd } from '../test/programs/etcd.ts';
import { watchThroughProxy, writeBacklog, type Backlog } from '../test/store/stream-cuts.ts';

const EVENTS = 5000;
const AT_ONCE = 3;
const HALF_OPENS_AT_ONCE = 10;
const NOTICED_MS = 10_000;
const DELAYS_MS = [1, 5, 15, 50];

/** A real etcd with a backlog, and how many bytes a watch of it is that nothing disturbs. */
interface Bench {
  readonly port: number;
  readonly backlog: Backlog;
  readonly bytes: number;
}

/** Runs `look` for each place of so many, evenly spread over the backlog, some at a time; answers for how many it was false. */
async function countWrong({ bytes }: Bench, places: number, atOnce: number, look: (offset: number) => Promise<boolean>): Promise<number> {
  let [next, wrong] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < places) {
      const offset = 1 + Math.floor((bytes * 0.95 * next++) / places);
      if (await look(offset)) continue;
      wrong += 1;
      console.log(`wrong: after ${String(offset)} of ${String(bytes)} bytes`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return wrong;
}

async function cutStreams(bench: Bench, places: number, signal: AbortSignal): Promise<number> {
  const { port, backlog } = bench;
  const wrong = await countWrong(bench, places, AT_ONCE, async (offset) => {
    const seen = await watchThroughProxy(port, backlog, (proxy) => proxy.breakAfter(offset, 'cut'), signal);
    return seen.at !== undefined && isDeepStrictEqual(seen.revisions, backlog.revisions);
  });
  console.log(`${String(places)} cuts, ${String(wrong)} wrong`);
  return wrong;
}

/** Links that go silent without closing: they must be noticed too. */
async function halfOpen(bench: Bench, places: number, signal: AbortSignal): Promise<number> {
  const { port, backlog } = bench;
  const noticed: number[] = [];
  const wrong = await countWrong(bench, places, HALF_OPENS_AT_ONCE, async (offset) => {
    const seen = await watchThroughProxy(port, backlog, (proxy) => proxy.breakAfter(offset, 'half-open'), signal);
    const { at = -Infinity, reopened = Infinity } = seen;
    noticed.push(reopened - at);
    return reopened - at <= NOTICED_MS && isDeepStrictEqual(seen.revisions, backlog.revisions);
  });
  console.log(`${String(places)} half-opens, ${String(wrong)} wrong, noticed after at most ${String(Math.round(Math.max(...noticed)))} ms`);
  return wrong;
}

async function delayed({ port, backlog }: Bench, signal: AbortSignal): Promise<number> {
  let wrong = 0;
  for (const ms of DELAYS_MS) {
    const seen = await watchThroughProxy(port, backlog, (proxy) => proxy.delay(ms), signal);
    if (!isDeepStrictEqual(seen.revisions, backlog.revisions)) wrong += 1;
  }
  console.log(`delays of ${DELAYS_MS.join(', ')} ms, ${String(wrong)} wrong`);
  return wrong;
}

/** Disturbs the link to a real etcd in all three ways; answers how many watches told the backlog otherwise than it was written. */
async function disturb(places: number, signal: AbortSignal): Promise<number> {
  const etcd = await startTestEtcd();
  try {
    const prefix = '/cut/';
    const store = await openEtcdStore({ endpoints: [etcd.endpoint], prefix, clock: realClock }, signal);
    const backlog = await writeBacklog(store, prefix, EVENTS, signal);
    await store.close();
    const { bytes } = await watchThroughProxy(etcd.port, backlog, () => undefined, signal);
    const bench = { port: etcd.port, backlog, bytes };
    const halfOpens = Math.ceil(places / 10);
    return (await cutStreams(bench, places, signal)) + (await halfOpen(bench, halfOpens, signal)) + (await delayed(bench, signal));
  } finally {
    await etcd.end();
  }
}

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
const [places = '1000', ...others] = process.argv.slice(2);
if (others.length > 0 || !/^[1-9]\d{0,5}$/.test(places)) {
  console.error('usage: node hack/stream-cutting.ts [PLACES]');
  process.exitCode = 2;
} else process.exitCode = (await disturb(Number(places), interrupted.signal)) === 0 ? 0 : 1;
