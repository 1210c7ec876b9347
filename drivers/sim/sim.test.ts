import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../test/programs/clock.ts';
import type { Clock } from '../contract/clock.ts';
import { serveControl } from './control.ts';
import { simControl } from './control-client.ts';
import type { SimCommand } from './control-client.ts';
import { createSimDriver } from './driver.ts';
import type { SimDriver } from './driver.ts';
import { guestStops, switchOff, switchOn } from './guests.ts';
import { effectsAfter } from './journal.ts';
import { bytesIn } from './quantity.ts';

const { signal } = new AbortController();
const fence = { installation: 'i', shard: 's', incarnation: 1, epoch: 1, generation: 1, placementEpoch: 1 };
const owner = { installation: 'i', kind: 'VirtualMachine', namespace: 'default', name: 'vm', uid: 'vm-1' };
const interfaces = [{ name: 'net', mac: '02:00:00:00:00:01', mode: 'user' }] as const;
const spec = { owner, cpus: 1, memoryBytes: 2 ** 28, disks: [], interfaces };

/** A clock that stands still until it is moved. */
function handClock(): Clock & { move(ms: number): void } {
  let nowMs = 1_000_000;
  const { sleep } = realClock;
  return { now: () => nowMs, monotonic: () => nowMs, sleep: (ms, until) => sleep(ms, until), move: (ms) => void (nowMs += ms) };
}

interface World {
  readonly sim: SimDriver;
  readonly context: { readonly session: string; readonly trace: string; readonly cause: string; readonly fence: typeof fence };
}

async function world(clock: Clock, worldFile = ':memory:'): Promise<World> {
  const sim = createSimDriver({ worldFile, clock, version: '0' });
  const config = { bootDelayMs: 1000, stopDelayMs: 500 };
  const { session } = await sim.driver.session.open({ category: 'machine', uid: 'h', name: 'h', address: '' }, config, fence, signal);
  return { sim, context: { session, trace: 'vm-1.1', cause: 'Test', fence } };
}

test('time alone boots a guest and ends a stop', async () => {
  const clock = handClock();
  const { sim, context } = await world(clock);
  const { machine } = sim.driver;
  await machine?.ensure(context, spec, signal);
  expect((await machine?.start(context, 'vm-1', signal))?.interfaces[0]?.addresses).toEqual([]);
  clock.move(1000);
  expect((await machine?.get(context, 'vm-1', signal))?.interfaces[0]?.addresses).toHaveLength(1);
  await machine?.stop(context, 'vm-1', { mode: 'graceful', deadlineMs: 60_000 }, signal);
  clock.move(499);
  expect(await machine?.get(context, 'vm-1', signal)).toMatchObject({ power: 'running', stoppingSinceMs: 1_001_000 });
  clock.move(1);
  expect(await machine?.get(context, 'vm-1', signal)).toMatchObject({ power: 'stopped', stopCause: 'requested' });
  sim.close();
});

test('of tokens that were given out in one millisecond the later one counts, and the earlier one no more', async () => {
  const { sim, context } = await world(handClock());
  const ref = { category: 'machine', uid: 'leased', name: 'leased', address: '' } as const;
  const open = (leaseSeconds: number) => sim.driver.session.open(ref, { leaseSeconds }, fence, signal);
  const { session } = await open(1);
  const renew = async (token: string) =>
    (await sim.driver.host?.renew({ ...context, session }, token, signal)) ?? { token: '', inForceMs: -1 };
  const first = await renew('');
  const second = await renew(first.token);
  expect(second).toMatchObject({ inForceMs: 1000 });
  await open(0);
  const last = await renew(second.token);
  expect(await renew(last.token)).toMatchObject({ inForceMs: 0 });
  for (const { token } of [first, second]) expect(await renew(token)).toMatchObject({ inForceMs: 0 });
  sim.close();
});

test('the journal keeps every effect with its fence, and what happened by itself without', async () => {
  const { sim, context } = await world(handClock());
  const { machine } = sim.driver;
  await machine?.ensure(context, spec, signal);
  await machine?.start({ ...context, fence: { ...fence, epoch: 2 } }, 'vm-1', signal);
  await expect(machine?.stop(context, 'vm-1', { mode: 'hard' }, signal)).rejects.toThrow('older');
  guestStops(sim.sim, 'vm-1', 'crashed');
  await machine?.delete({ ...context, fence: { ...fence, epoch: 2 } }, 'vm-1', signal);
  const told = effectsAfter(sim.sim.world, 0, 100).map(({ seq, kind, uid, doc, call, fence: by }) => {
    return [seq, kind, uid, call, by?.epoch, (doc as { active?: object } | undefined)?.active !== undefined];
  });
  expect(told).toEqual([
    [1, 'shards', 's', 'session.open', undefined, false],
    [2, 'machines', 'vm-1', 'machine.ensure', 1, false],
    [3, 'shards', 's', 'machine.start', 2, false],
    [4, 'machines', 'vm-1', 'machine.start', 2, true],
    [5, 'machines', 'vm-1', '', undefined, false],
    [6, 'machines', 'vm-1', 'machine.delete', 2, false],
  ]);
  sim.close();
});

test('two drivers on one world make one machine, and each hears of what the other did', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sim-'));
  const file = join(folder, 'world.db');
  const [one, two] = [await world(realClock, file), await world(realClock, file)];
  const ending = new AbortController();
  const heard = (async () => {
    let events = 0;
    for await (const { type } of one.sim.driver.watch(ending.signal)) {
      events += type === 'RESYNC' ? 1 : 0;
      if (events === 2) ending.abort(new Error('heard'));
    }
    return events;
  })();
  await realClock.sleep(50, signal);
  const ensure = async ({ sim, context }: World): Promise<unknown> => sim.driver.machine?.ensure(context, spec, signal);
  const made = await Promise.all([ensure(one), ensure(two)]);
  expect(made[0]).toEqual(made[1]);
  expect(await two.sim.driver.machine?.list(one.context, signal).catch(() => 'its own sessions')).toBe('its own sessions');
  expect(await two.sim.driver.machine?.list(two.context, signal)).toHaveLength(1);
  await two.sim.driver.machine?.start(two.context, 'vm-1', signal);
  expect(await heard).toBe(2);
  expect((await one.sim.driver.machine?.get(one.context, 'vm-1', signal))?.power).toBe('running');
  one.sim.close();
  two.sim.close();
  rmSync(folder, { recursive: true });
});

test('commands on the control socket count calls, set faults, and do to guests what guests do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sim-'));
  const { sim, context } = await world(realClock);
  const { machine, host } = sim.driver;
  const control = await serveControl(sim, folder);
  const command = (request: SimCommand): Promise<unknown> => simControl(folder, request, signal);
  expect(statSync(join(folder, 'control.sock')).mode & 0o777).toBe(0o600);
  await machine?.ensure(context, spec, signal);
  await machine?.start(context, 'vm-1', signal);
  expect(await command({ do: 'calls' })).toEqual({ 'machine.ensure': 1, 'machine.start': 1 });
  expect(await command({ do: 'journal', limit: 1 })).toMatchObject([{ call: 'machine.start', endpoint: 'h', uid: 'vm-1', outcome: 'OK' }]);
  await command({ do: 'fault', call: 'machine.*', uid: 'vm-1', action: { do: 'error', code: 'RESOURCE_EXHAUSTED', retryAfterMs: 70 } });
  await expect(machine?.start(context, 'vm-1', signal)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 70 });
  await machine?.start(context, 'vm-1', signal);
  await command({ do: 'guest-shutdown', uid: 'vm-1' });
  expect(await machine?.get(context, 'vm-1', signal)).toMatchObject({ power: 'stopped', stopCause: 'guest-shutdown' });
  await machine?.start(context, 'vm-1', signal);
  const { bootId } = (await host?.observe(context, signal)) ?? {};
  await command({ do: 'power-loss', host: 'h' });
  expect(await machine?.get(context, 'vm-1', signal)).toMatchObject({ power: 'stopped', stopCause: 'crashed' });
  expect((await host?.observe(context, signal))?.bootId).not.toBe(bootId);
  await command({ do: 'drift', host: 'h', uid: 'vm-1', field: 'memory' });
  expect((await machine?.get(context, 'vm-1', signal))?.drift).toEqual(['memory']);
  expect(await command({ do: 'world' })).toMatchObject({ hosts: [{ uid: 'h', machines: [{ id: 'vm-1' }] }] });
  await expect(command({ do: 'crash', uid: 'no-such' })).rejects.toThrow('no machine no-such runs');
  await expect(command({ do: 'fault', call: 'x', action: { do: 'explode' } as never })).rejects.toThrow(/action.do must be one of/);
  control.close();
  sim.close();
  rmSync(folder, { recursive: true });
});

test('a call that changes nothing is not counted', async () => {
  const { sim, context } = await world(realClock);
  await sim.driver.machine?.list(context, signal);
  await sim.driver.host?.observe(context, signal);
  expect(sim.sim.world.rows('SELECT * FROM counts')).toEqual([]);
  sim.close();
});

test('a beat lists hosts that would not answer, by the world or by a fault, and uses no fault up', async () => {
  const { sim, context } = await world(realClock);
  const open = async (uid: string) =>
    (await sim.driver.session.open({ category: 'machine', uid, name: uid, address: '' }, {}, fence, signal)).session;
  const [off, failing, slow] = [await open('off'), await open('failing'), await open('slow')];
  const silent = async (): Promise<readonly string[]> => {
    for await (const event of sim.driver.watch(signal)) if (event.type === 'BEAT') return event.silent ?? [];
    return ['no beat'];
  };
  expect(await silent()).toEqual([]);
  switchOff(sim.sim, 'off');
  sim.faults.set({ call: 'host.*', endpoint: 'failing', action: { do: 'error', code: 'UNAVAILABLE' } });
  sim.faults.set({ call: '*', endpoint: 'slow', count: 0, action: { do: 'delay', ms: 9_000 } });
  sim.faults.set({ call: 'machine.*', endpoint: 'h', count: 0, action: { do: 'hang' } });
  for (const _ of [1, 2]) expect(await silent()).toEqual([off, failing]);
  expect(sim.faults.list()).toHaveLength(3);
  switchOn(sim.sim, 'off');
  sim.faults.clear();
  sim.faults.set({ call: '*', endpoint: 'slow', count: 0, action: { do: 'delay', ms: 10_000 } });
  expect(await silent()).toEqual([slow]);
  sim.faults.set({ call: 'host.observe', count: 0, action: { do: 'hang' } });
  expect(await silent()).toEqual([context.session, off, failing, slow]);
  sim.close();
});

test.each([
  ['64Gi', 2 ** 36],
  ['1.5Ki', 1536],
  ['1k', 1000],
  [7, 7],
  ['0', 0],
  ['1Zi', undefined],
  ['-1', undefined],
  ['', undefined],
  [1.5, 2],
  [{}, undefined],
])('the quantity %j is %p bytes', (value, bytes) => {
  expect(bytesIn(value)).toBe(bytes);
});
