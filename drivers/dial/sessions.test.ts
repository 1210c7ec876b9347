import { realClock } from '../../test/programs/clock.ts';
import type { DriverEvent, EndpointRef } from '../contract/driver.ts';
import { DriverError } from '../contract/driver-error.ts';
import type { DeviceHint } from '../contract/sessions.ts';
import { createSimDriver } from '../sim/driver.ts';
import { plugDriver } from './plug.ts';
import { createSessions } from './sessions.ts';
import type { DialledSessions } from './sessions.ts';

const { signal } = new AbortController();
const fence = { installation: 'i', shard: 's', incarnation: 1, epoch: 1, generation: 1, placementEpoch: 1 };
const host: EndpointRef = { category: 'machine', uid: 'h', name: 'h', address: '' };
const owner = { installation: 'i', kind: 'VirtualMachine', namespace: 'default', name: 'vm', uid: 'vm-1' };
const spec = { owner, cpus: 1, memoryBytes: 2 ** 28, disks: [], interfaces: [] };

let sessions: DialledSessions;
let dials = 0;
const sim = createSimDriver({ worldFile: ':memory:', clock: realClock, version: '0' });

beforeEach(() => {
  dials = 0;
  const dial = async (name: string): Promise<Awaited<ReturnType<typeof plugDriver>>> => {
    dials += 1;
    if (name === 'sim') return plugDriver(sim.driver, signal);
    throw new DriverError('INVALID_ARGUMENT', 'DRIVER_UNKNOWN', `no driver is called ${name}`);
  };
  sessions = createSessions({ dial, clock: realClock });
});

afterEach(() => sessions.closeAll());
afterAll(() => sim.close());

test('an endpoint is opened once, however often it is asked for, and again when its configuration changed', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => sessions.open('sim', host, {}, fence, signal)));
  expect(new Set(all.map((session) => session)).size).toBe(1);
  expect(all[0]?.capabilities).toContain('disk-protocol.sim');
  expect(dials).toBe(1);
  await sessions.open('sim', host, { cpus: 3 }, fence, signal);
  const { id, driver } = await sessions.open('sim', host, { cpus: 3 }, fence, signal);
  expect((await driver.host?.observe({ session: id, trace: '' }, signal))?.cpus).toBe(3);
});

test('what a process can do is asked once, however many endpoints are opened on it and whoever gives up, and again where it was not told', async () => {
  let asked = 0;
  const dial = async (): Promise<Awaited<ReturnType<typeof plugDriver>>> => {
    const driver = await plugDriver(sim.driver, signal);
    const getCapabilities: typeof driver.identity.getCapabilities = (until) => {
      asked += 1;
      if (asked > 1) return driver.identity.getCapabilities(until);
      return Promise.reject(new DriverError('UNAVAILABLE', 'BACKEND', 'not yet'));
    };
    return { ...driver, identity: { ...driver.identity, getCapabilities } };
  };
  const counted = createSessions({ dial, clock: realClock });
  const endpoint = (index: number): EndpointRef => ({ ...host, uid: `many-${index}` });
  await expect(counted.open('sim', endpoint(0), {}, fence, signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const impatient = new AbortController();
  const all = Array.from({ length: 20 }, (_, index) =>
    counted.open('sim', endpoint(index), {}, fence, index === 0 ? impatient.signal : signal),
  );
  impatient.abort(new Error('gives up'));
  const ended = await Promise.allSettled(all);
  expect(ended.slice(1).every(({ status }) => status === 'fulfilled')).toBe(true);
  expect(asked).toBe(2);
  await counted.closeAll();
});

test('a session that the driver lost is opened again, and no other one', async () => {
  const other = await sessions.open('sim', { ...host, uid: 'other-host' }, {}, fence, signal);
  const first = await sessions.open('sim', host, {}, fence, signal);
  await sim.driver.session.close(first.id, signal);
  const lost = first.driver.machine?.list({ session: first.id, trace: '' }, signal);
  await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'SESSION_UNKNOWN' });
  const again = await sessions.open('sim', host, {}, fence, signal);
  expect(again.id).not.toBe(first.id);
  expect(await again.driver.machine?.list({ session: again.id, trace: '' }, signal)).toEqual([]);
  expect(await sessions.open('sim', { ...host, uid: 'other-host' }, {}, fence, signal)).toBe(other);
});

test('a session is opened once its driver is watched, so that no hint asks for a second look at it, and not much later where that says nothing', async () => {
  const order: string[] = [];
  const dialTo = (says: boolean) => async (): Promise<Awaited<ReturnType<typeof plugDriver>>> => {
    const driver = await plugDriver(sim.driver, signal);
    return {
      ...driver,
      session: { ...driver.session, open: (...args) => (order.push('opened'), driver.session.open(...args)) },
      async *watch(until) {
        await realClock.sleep(20, signal);
        order.push('watched');
        if (says) yield* driver.watch(until);
        else await new Promise((resolve) => until.addEventListener('abort', resolve));
      },
    };
  };
  const endpoint = { ...host, uid: 'watched' };
  const watched = createSessions({ dial: dialTo(true), clock: realClock });
  const hints: DeviceHint[] = [];
  const reading = (async () => {
    for await (const hint of watched.hints(signal)) hints.push(hint);
  })();
  await watched.open('sim', endpoint, {}, fence, signal);
  await realClock.sleep(20, signal);
  expect(order).toEqual(['watched', 'opened']);
  expect(hints).toEqual([{ endpointUid: '', uid: '' }]);
  await watched.closeAll();
  await reading;
  const silent = createSessions({ dial: dialTo(false), clock: realClock });
  await silent.open('sim', endpoint, {}, fence, AbortSignal.timeout(4000));
  await silent.closeAll();
});

test('an unknown driver is DRIVER_UNKNOWN, and asked for again only after a while', async () => {
  for (const _ of [1, 2, 3])
    await expect(sessions.open('odd', host, {}, fence, signal)).rejects.toMatchObject({ reason: 'DRIVER_UNKNOWN' });
  expect(dials).toBe(1);
});

test('a wrong configuration is refused every time, by its field', async () => {
  for (const _ of [1, 2]) {
    const opened = sessions.open('sim', { ...host, uid: 'other' }, { cpus: 0 }, fence, signal);
    await expect(opened).rejects.toMatchObject({ reason: 'CONFIG_INVALID', metadata: { field: 'cpus' } });
  }
});

test('hints begin with everything, and then name the endpoint and the machine that changed', async () => {
  const ending = new AbortController();
  const hints: DeviceHint[] = [];
  const { id, driver } = await sessions.open('sim', host, {}, fence, signal);
  const reading = (async () => {
    for await (const hint of sessions.hints(ending.signal)) {
      hints.push(hint);
      if (hint.uid === 'vm-1') ending.abort(new Error('seen'));
    }
  })();
  await realClock.sleep(20, signal);
  await driver.machine?.ensure({ session: id, trace: 'vm-1.1', cause: 'Test', fence }, spec, signal);
  await reading;
  expect(hints[0]).toEqual({ endpointUid: '', uid: '' });
  expect(hints.at(-1)).toEqual({ endpointUid: 'h', uid: 'vm-1' });
});

test('closing an endpoint forgets its session and leaves its machines', async () => {
  const first = await sessions.open('sim', host, {}, fence, signal);
  await sessions.close('h', signal);
  const again = await sessions.open('sim', host, {}, fence, signal);
  expect(again.id).not.toBe(first.id);
  expect(await again.driver.machine?.list({ session: again.id, trace: '' }, signal)).toHaveLength(1);
});

test('hints go on after the stream of a driver that lives on broke', async () => {
  const ending = new AbortController();
  let streams = 0;
  const startedMs = realClock.monotonic();
  const dial = async (): Promise<Awaited<ReturnType<typeof plugDriver>>> => {
    const driver = await plugDriver(sim.driver, signal);
    return {
      ...driver,
      async *watch(until) {
        streams += 1;
        if (streams > 1) yield* driver.watch(until);
      },
    };
  };
  const broken = createSessions({ dial, clock: realClock });
  const { id, driver } = await broken.open('sim', { ...host, uid: 'h-2' }, {}, fence, signal);
  const reading = (async () => {
    for await (const hint of broken.hints(AbortSignal.any([ending.signal, AbortSignal.timeout(5000)])))
      if (hint.uid === 'vm-2') return true;
    return false;
  })();
  while (streams < 2 && !ending.signal.aborted) {
    await realClock.sleep(20, signal);
    if (realClock.monotonic() > startedMs + 4000) ending.abort(new Error('it is not watched again'));
  }
  await driver.machine?.ensure(
    { session: id, trace: 'vm-2.1', cause: 'Test', fence },
    { ...spec, owner: { ...owner, uid: 'vm-2' } },
    signal,
  );
  expect(await reading).toBe(true);
  await broken.closeAll();
});

describe('of a driver that beats', () => {
  const ending = new AbortController();
  const other: EndpointRef = { ...host, uid: 'h-3', name: 'h-3' };

  /** Sessions on a driver that says what the test says; what they tell, but for what is told of everything at the beginning. */
  async function told() {
    const queue: (DriverEvent | undefined)[] = [];
    const heard: string[] = [];
    let wake = (): void => undefined;
    const dial = async (): Promise<Awaited<ReturnType<typeof plugDriver>>> => ({
      ...(await plugDriver(sim.driver, signal)),
      async *watch(until) {
        while (!until.aborted) {
          if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
          const event = queue.shift();
          if (event === undefined) return;
          yield event;
        }
      },
    });
    const beating = createSessions({ dial, clock: realClock });
    const [one, two] = [await beating.open('sim', host, {}, fence, signal), await beating.open('sim', other, {}, fence, signal)];
    const reading = (async () => {
      for await (const { endpointUid, uid } of beating.hints(ending.signal)) heard.push(`${endpointUid} ${uid}`);
    })();
    await realClock.sleep(20, signal);
    const say = async (event: DriverEvent | undefined): Promise<readonly string[]> => {
      heard.length = 0;
      queue.push(event);
      wake();
      await realClock.sleep(20, signal);
      return [...heard];
    };
    const beat = (...silent: readonly string[]) => say({ sequence: 0, type: 'BEAT', session: '', uid: '', silent });
    const close = async (): Promise<void> => {
      await beating.closeAll();
      wake();
      await reading;
    };
    return { one, two, beat, breakStream: () => say(undefined), close };
  }

  test('a silent session is a hint for its host alone, when it falls silent and when it answers again', async () => {
    const { one, two, beat, close } = await told();
    expect(one.beats()).toBe(false);
    expect(await beat()).toEqual([]);
    expect([one.beats(), two.beats()]).toEqual([true, true]);
    expect(await beat(one.id)).toEqual(['h h']);
    expect([one.beats(), two.beats()]).toEqual([false, true]);
    expect(await beat(one.id)).toEqual([]);
    expect(await beat('somebody')).toEqual(['h h']);
    expect(one.beats()).toBe(true);
    await close();
  });

  test('a stream that breaks asks for a look at everything, and what beats said holds no more until they come again', async () => {
    const { one, beat, breakStream, close } = await told();
    await beat();
    expect(await breakStream()).toEqual(['h ', 'h-3 ']);
    expect(one.beats()).toBe(false);
    await realClock.sleep(1100, signal);
    await beat();
    expect(one.beats()).toBe(true);
    await close();
  });
});
