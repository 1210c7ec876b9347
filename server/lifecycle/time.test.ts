import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { openBench, type Bench } from '../../test/api-bench.ts';
import { valueAt } from '../registry/json.ts';
import { runLifecycle } from './lifecycle.ts';

let bench: Bench;
let clock: ManualClock;
let servers: { readonly stop: AbortController; readonly running: Promise<void> }[];

beforeEach(async () => {
  clock = createManualClock();
  bench = await openBench({ clock });
  servers = [];
});
afterEach(async () => {
  for (const { stop } of servers) stop.abort();
  await Promise.all(servers.map(({ running }) => running));
  await bench.close();
  expect(bench.troubles).toEqual([]);
});

function startServer(identity: string): AbortController {
  const stop = new AbortController();
  const options = { ...bench.api, store: bench.store, clock, identity, onTrouble: (error: unknown) => bench.troubles.push(error) };
  servers.push({ stop, running: runLifecycle(options, stop.signal) });
  return stop;
}

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/lenticular-system/leases/apiserver-lifecycle';
const EVENTS = '/api/v1/namespaces/default/events';
const event = (name: string): object => ({ apiVersion: 'v1', kind: 'Event', metadata: { name }, involvedObject: {} });
const names = async (): Promise<readonly string[]> => (await bench.ask('GET', EVENTS)).body.items.map(({ metadata }) => metadata.name);

test('an event goes an hour after its last change, also when the server came back in between', async () => {
  await bench.create(EVENTS, event('old'));
  await clock.advance(50 * 60_000);
  startServer('one');
  await clock.advance(1_000);
  await bench.create(EVENTS, event('kept'));
  await bench.create(EVENTS, event('new'));
  await clock.advance(5 * 60_000);
  expect(await names()).toEqual(['kept', 'new', 'old']);
  await clock.advance(10 * 60_000);
  expect(await names()).toEqual(['kept', 'new']);
  await bench.ask('PATCH', `${EVENTS}/kept`, { body: { count: 2 } });
  await clock.advance(50 * 60_000);
  expect(await names()).toEqual(['kept']);
  await clock.advance(20 * 60_000);
  expect(await names()).toEqual([]);
});

test('one server leads; another takes over when the lease is not renewed any more, and counts it', async () => {
  const first = startServer('one');
  await clock.advance(1_000);
  startServer('two');
  await clock.advance(60_000);
  expect(valueAt((await bench.ask('GET', LEASE)).body, 'spec')).toMatchObject({ holderIdentity: 'one', leaseTransitions: 0 });
  first.abort();
  await clock.advance(10_000);
  expect(valueAt((await bench.ask('GET', LEASE)).body, 'spec.holderIdentity')).toBe('one');
  await clock.advance(20_000);
  expect(valueAt((await bench.ask('GET', LEASE)).body, 'spec')).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
});

test('history is forgotten after five minutes, and not before', async () => {
  const then = BigInt((await bench.ask('GET', EVENTS)).body.metadata.resourceVersion);
  startServer('one');
  const readable = async (): Promise<boolean> => {
    const iterator = bench.store.watch('', then, bench.signal)[Symbol.asyncIterator]();
    return iterator.next().then(
      () => true,
      () => false,
    );
  };
  await clock.advance(4 * 60_000);
  expect(await readable()).toBe(true);
  await clock.advance(4 * 60_000);
  expect(await readable()).toBe(false);
});
