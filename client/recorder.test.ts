import { EventKind, type Event } from '../apis/core/v1/event/kind.ts';
import { ZoneKind } from '../apis/infra/v1alpha1/zone/kind.ts';
import { VirtualMachineKind } from '../apis/compute/v1alpha1/virtual-machine/kind.ts';
import { ApiError } from '../apis/meta/api-error.ts';
import type { ApiObject } from '../apis/meta/object.ts';
import { vm, zone } from '../test/api-bench.ts';
import { createManualClock, type ManualClock } from '../test/manual-clock.ts';
import { eventually, hang, keptLog, openClientBench, type ClientBench } from '../test/client-bench.ts';
import type { Client, NewObject } from './client.ts';
import { createRecorder, type Recorder } from './recorder.ts';

let bench: ClientBench;
let clock: ManualClock;
let stop: AbortController;
let running: Promise<void>;
beforeEach(async () => {
  bench = await openClientBench();
  clock = createManualClock();
  stop = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stop.abort(new Error('the test has ended'));
  await running;
  await bench.close();
});

let log: ReturnType<typeof keptLog>;
function start(client: Client = bench.client): Recorder {
  log = keptLog();
  const recorder = createRecorder({ client, clock, log, component: 'lenticular-controllers', instance: 'here' });
  running = recorder.run(stop.signal);
  return recorder;
}

const make = (name: string): Promise<ApiObject> => bench.client.create(ZoneKind, zone(name) as NewObject, bench.signal);
const events = async (): Promise<readonly Event[]> => (await bench.client.list<Event>(EventKind, {}, bench.signal)).items;
const written = async (count: number): Promise<readonly Event[]> => {
  await eventually(async () => (await events()).reduce((sum, event) => sum + (event.count ?? 0), 0) === count, `${String(count)} events`);
  return events();
};
const happening = { type: 'Normal', reason: 'AsDeclared', message: 'all is as declared' } as const;

test('what happened is told about the object, in its namespace, or in default for kinds without one', async () => {
  const recorder = start();
  const object = await make('z');
  const machine = await bench.client.create<ApiObject>(
    VirtualMachineKind,
    vm('m', {}, { namespace: 'lenticular-system' }) as NewObject,
    bench.signal,
  );
  recorder.record(object, happening);
  recorder.record(machine, { ...happening, type: 'Warning' });
  const found = await written(2);
  expect(found.find(({ type }) => type === 'Normal')).toMatchObject({
    metadata: { namespace: 'default' },
    involvedObject: { kind: 'Zone', name: 'z', uid: object.metadata.uid, apiVersion: 'infra.lenticular.dev/v1alpha1' },
    reason: 'AsDeclared',
    message: 'all is as declared',
    count: 1,
    reportingComponent: 'lenticular-controllers',
    reportingInstance: 'here',
  });
  expect(found.find(({ type }) => type === 'Warning')).toMatchObject({
    metadata: { namespace: 'lenticular-system' },
    involvedObject: { kind: 'VirtualMachine', namespace: 'lenticular-system' },
  });
});

test('the same again is counted in the same Event, and something else is another', async () => {
  const recorder = start();
  const object = await make('z');
  for (let index = 0; index < 3; index += 1) recorder.record(object, happening);
  recorder.record(object, { ...happening, message: 'other words' });
  const found = await written(4);
  expect(found.map(({ count }) => count).sort()).toEqual([1, 3]);
});

test('an Event that expired is made anew, and counts from there', async () => {
  const recorder = start();
  const object = await make('z');
  recorder.record(object, happening);
  const [first] = await written(1);
  await bench.client.delete(EventKind, { namespace: 'default', name: first?.metadata.name ?? '' }, bench.signal);
  recorder.record(object, happening);
  await written(1);
  recorder.record(object, happening);
  const [next] = await written(2);
  expect(next?.metadata.uid).not.toBe(first?.metadata.uid);
});

test('the same an hour later is an Event of its own, because the first has gone', async () => {
  const recorder = start();
  const object = await make('z');
  recorder.record(object, happening);
  await written(1);
  await clock.advance(51 * 60_000);
  recorder.record(object, happening);
  expect((await written(2)).map(({ count }) => count)).toEqual([1, 1]);
});

test.each([
  ['the longest', 'a'.repeat(253)],
  ['one whose cut would end in a dot', `${'a'.repeat(199)}.${'b'.repeat(53)}`],
  ['one whose cut would end in a dash', `${'a'.repeat(198)}--${'b'.repeat(53)}`],
])('an object with %s name has Events', async (_what, name) => {
  const recorder = start();
  // A stand-in: what matters is the name of the Event.
  const object = await make('z');
  recorder.record({ ...object, metadata: { ...object.metadata, name } }, happening);
  const [event] = await written(1);
  expect(event?.metadata.name.length).toBeLessThanOrEqual(253);
});

test('a message of any length and script is cut to what an Event holds, never inside a character', async () => {
  const recorder = start();
  const object = await make('z');
  recorder.record(object, { ...happening, message: `${'x'.repeat(1022)}😀😀` });
  recorder.record(object, { ...happening, message: '😀'.repeat(1_000), reason: 'R'.repeat(300) });
  for (const { message, reason } of await written(2)) {
    expect(message.length).toBeLessThanOrEqual(1_024);
    expect(message.isWellFormed()).toBe(true);
    expect(reason.length).toBeLessThanOrEqual(128);
  }
});

test('while the API hangs at most 64 wait, the rest is only logged, and recording never waits', async () => {
  const object = await make('z');
  const recorder = start(bench.clientOf((_request, signal) => hang(signal)));
  await clock.advance(0);
  for (let index = 0; index < 200; index += 1) recorder.record(object, { ...happening, message: String(index) });
  expect(log.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThanOrEqual(200 - 65);
});

test('an Event that cannot be written is logged, and the next one is written', async () => {
  const object = await make('z');
  let refused = 0;
  const client = bench.clientOf(({ method }) =>
    method === 'POST' && (refused += 1) === 1 ? Promise.reject(new ApiError('ServiceUnavailable', 'down')) : undefined,
  );
  const recorder = start(client);
  recorder.record(object, { ...happening, message: 'lost' });
  recorder.record(object, { ...happening, message: 'kept' });
  expect((await written(1)).map(({ message }) => message)).toEqual(['kept']);
  expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
});

test('ends with its signal, idle or in the middle of a write', async () => {
  const recorder = start(bench.clientOf((_request, signal) => hang(signal)));
  recorder.record(await make('z'), happening);
  await clock.advance(0);
  stop.abort(new Error('enough'));
  await running;
  stop = new AbortController();
  start();
  await clock.advance(0);
  stop.abort(new Error('enough'));
  await running;
  expect(log.lines).toEqual([]);
});
