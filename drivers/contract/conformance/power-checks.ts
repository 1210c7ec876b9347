import { expect } from 'expect';
import type { PowerService } from '../driver.ts';
import type { MutationContext } from '../fence.ts';
import type { Check } from './check.ts';
import { refusal } from './rig.ts';
import type { Rig } from './rig.ts';

/** Hosts that these checks alone switch, so that nothing else runs there. */
const SWITCHED = 20;
const OVER_MACHINES = 21;

/** The n-th host, there and on. */
async function onePowered(rig: Rig, n: number): Promise<{ readonly power: PowerService; readonly context: MutationContext }> {
  const { categories } = await rig.driver.identity.getInfo(rig.signal);
  if (categories.includes('machine')) await rig.session('machine', n);
  const [power, context] = [rig.power, await rig.on('power', {}, n)];
  await power.on(context, rig.signal);
  return { power, context };
}

/** Off is proof: what a restart elsewhere rests on. */
export const powerChecks: readonly Check[] = [
  {
    title: 'Off ends only when the host is off, and Off and On twice are success',
    category: 'power',
    async run(rig) {
      const { power, context } = await onePowered(rig, SWITCHED);
      for (const state of ['off', 'off', 'on', 'on'] as const) {
        await power[state](context, rig.signal);
        expect(await power.status(context, rig.signal)).toBe(state);
      }
    },
  },
  {
    title: 'Reset leaves the host on',
    category: 'power',
    async run(rig) {
      const { power, context } = await onePowered(rig, SWITCHED);
      await power.reset(context, rig.signal);
      expect(await power.status(context, rig.signal)).toBe('on');
    },
  },
  {
    title: 'an old leader, or an old decision about the host, switches nothing',
    category: 'power',
    async run(rig) {
      const { power } = await onePowered(rig, SWITCHED);
      const newer = await rig.on('power', { epoch: 5, generation: 3 }, SWITCHED);
      await power.on(newer, rig.signal);
      for (const older of [
        { epoch: 4, generation: 3 },
        { epoch: 5, generation: 2 },
      ]) {
        const context = await rig.on('power', older, SWITCHED);
        for (const act of ['off', 'on', 'reset'] as const) {
          await refusal(power[act](context, rig.signal), 'FAILED_PRECONDITION', 'STALE_EPOCH');
        }
      }
      expect(await power.status(newer, rig.signal)).toBe('on');
    },
  },
  {
    title: 'what was seen of leaders outlives the process, and so does what was switched',
    category: 'power',
    hook: 'restart',
    async run(rig) {
      const { power } = await onePowered(rig, SWITCHED);
      await power.off(await rig.on('power', { epoch: 7 }, SWITCHED), rig.signal);
      await rig.subject.restart?.();
      rig.forget();
      const { categories } = await rig.driver.identity.getInfo(rig.signal);
      if (categories.includes('machine')) await rig.session('machine', SWITCHED);
      const older = await rig.on('power', { epoch: 6 }, SWITCHED);
      await refusal(power.on(older, rig.signal), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      expect(await power.status(older, rig.signal)).toBe('off');
      await power.on(await rig.on('power', { epoch: 7 }, SWITCHED), rig.signal);
    },
  },
  {
    title: 'an Off that was given up has no effect later',
    category: 'power',
    hook: 'slow',
    async run(rig) {
      const { power, context } = await onePowered(rig, SWITCHED);
      await rig.subject.slow?.(rig.subject.endpoint('power', SWITCHED).ref.uid, 300);
      const giving = new AbortController();
      const off = power.off(context, giving.signal).then(
        () => 'proven',
        () => 'given up',
      );
      await rig.subject.clock.sleep(50, rig.signal);
      giving.abort(new Error('enough'));
      expect(await off).toBe('given up');
      await rig.subject.heal?.();
      await rig.subject.clock.sleep(500, rig.signal);
      expect(await power.status(context, rig.signal)).toBe('on');
    },
  },
  {
    title: "a power endpoint's session is no host's",
    category: ['power', 'machine'],
    async run(rig) {
      const { power } = await onePowered(rig, SWITCHED);
      await refusal(power.status(await rig.look('machine'), rig.signal), 'INVALID_ARGUMENT');
      await refusal(rig.machine.list(await rig.look('power', SWITCHED), rig.signal), 'INVALID_ARGUMENT');
    },
  },
  {
    title: 'a host that is off does not answer, and after Off and On its boot is new and nothing runs',
    category: ['power', 'machine'],
    async run(rig) {
      const { power, context } = await onePowered(rig, OVER_MACHINES);
      const on = await rig.on('machine', { placementEpoch: 1 }, OVER_MACHINES);
      const uid = rig.uid();
      await rig.machine.ensure(on, rig.spec(uid), rig.signal);
      await rig.machine.start(on, uid, rig.signal);
      const before = await rig.driver.host?.observe(on, rig.signal);
      await power.off(context, rig.signal);
      await refusal(rig.machine.list(on, rig.signal), ['UNAVAILABLE', 'DEADLINE_EXCEEDED']);
      await power.on(context, rig.signal);
      const after = await rig.driver.host?.observe(on, rig.signal);
      expect(after?.hostId).toBe(before?.hostId);
      expect(after?.bootId).not.toBe(before?.bootId);
      expect(after?.machines.find(({ id }) => id === uid)).toMatchObject({ power: 'stopped', stopCause: 'crashed' });
      await rig.machine.delete(on, uid, rig.signal);
    },
  },
];
