import { expect } from 'expect';
import type { Check } from './check.ts';
import { refusal, retried } from './rig.ts';

const EPOCH = { placementEpoch: 1 };

/** Life of a machine: made, started, stopped, deleted, handed back. */
export const machineChecks: readonly Check[] = [
  {
    title: 'Ensure makes a machine that is stopped and was never started',
    async run(rig) {
      const machine = await rig.newMachine();
      expect(machine).toMatchObject({ power: 'stopped', stopCause: 'never-started', released: false, generation: 1, placementEpoch: 1 });
      expect(machine).toMatchObject({
        cpus: rig.subject.machine.cpus,
        memoryBytes: rig.subject.machine.memoryBytes,
        pendingChanges: [],
        drift: [],
      });
    },
  },
  {
    title: 'Ensure twice is one machine and one answer',
    async run(rig) {
      const [uid, context] = [rig.uid(), await rig.on('machine', EPOCH)];
      const first = await rig.machine.ensure(context, rig.spec(uid), rig.signal);
      expect(await rig.machine.ensure(context, rig.spec(uid), rig.signal)).toEqual(first);
      const listed = await rig.machine.list(context, rig.signal);
      expect(listed.filter(({ id }) => id === uid)).toEqual([first]);
    },
  },
  {
    title: 'Ensure ten times at once is one machine',
    async run(rig) {
      const [uid, context] = [rig.uid(), await rig.on('machine', EPOCH)];
      const ensure = (): Promise<unknown> => retried(rig.subject, () => rig.machine.ensure(context, rig.spec(uid), rig.signal), rig.signal);
      const answers = await Promise.all(Array.from({ length: 10 }, ensure));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect((await rig.machine.list(context, rig.signal)).filter(({ id }) => id === uid)).toHaveLength(1);
    },
  },
  {
    title: 'Start runs a machine, and leaves one that runs alone',
    async run(rig) {
      const { id, power, stopCause } = await rig.newRunning();
      expect([power, stopCause]).toEqual(['running', undefined]);
      const again = await rig.machine.start(await rig.on('machine', EPOCH), id, rig.signal);
      expect(again.power).toBe('running');
    },
  },
  {
    title: 'Start ten times at once is one start',
    async run(rig) {
      const { id } = await rig.newMachine();
      const context = await rig.on('machine', EPOCH);
      const start = (): Promise<unknown> => retried(rig.subject, () => rig.machine.start(context, id, rig.signal), rig.signal);
      await Promise.all(Array.from({ length: 10 }, start));
      expect((await rig.machineOnce(id, (machine) => machine?.power === 'running'))?.power).toBe('running');
    },
  },
  {
    title: 'a change that needs a stop waits for the next start, and the machine runs on',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', { ...EPOCH, generation: 2 });
      const memoryBytes = rig.subject.machine.memoryBytes * 2;
      const changed = await rig.machine.ensure(context, rig.spec(id, { memoryBytes }), rig.signal);
      expect(changed).toMatchObject({ power: 'running', pendingChanges: ['memory'], generation: 2 });
      await rig.machine.stop(context, id, { mode: 'hard' }, rig.signal);
      await rig.machineOnce(id, (machine) => machine?.power === 'stopped');
      await rig.machine.start(context, id, rig.signal);
      expect(await rig.machineOnce(id, (machine) => machine?.power === 'running')).toMatchObject({ memoryBytes, pendingChanges: [] });
    },
  },
  {
    title: 'a pending change that is taken back is no change',
    async run(rig) {
      const { id } = await rig.newRunning();
      const { memoryBytes } = rig.subject.machine;
      await rig.machine.ensure(
        await rig.on('machine', { ...EPOCH, generation: 2 }),
        rig.spec(id, { memoryBytes: memoryBytes * 2 }),
        rig.signal,
      );
      const back = await rig.machine.ensure(await rig.on('machine', { ...EPOCH, generation: 3 }), rig.spec(id), rig.signal);
      expect(back).toMatchObject({ power: 'running', pendingChanges: [], memoryBytes });
    },
  },
  {
    title: 'a stopped machine takes a change at once',
    async run(rig) {
      const { id } = await rig.newMachine();
      const memoryBytes = rig.subject.machine.memoryBytes * 2;
      const changed = await rig.machine.ensure(
        await rig.on('machine', { ...EPOCH, generation: 2 }),
        rig.spec(id, { memoryBytes }),
        rig.signal,
      );
      expect(changed).toMatchObject({ power: 'stopped', memoryBytes, pendingChanges: [] });
    },
  },
  {
    title: 'a graceful stop says since when, ends in time, and says that it was asked for',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', EPOCH);
      await rig.machine.stop(context, id, { mode: 'graceful', deadlineMs: 1500 }, rig.signal);
      const stopped = await rig.machineOnce(id, (machine) => {
        if (machine?.power === 'running') expect(machine.stoppingSinceMs).toBeGreaterThan(0);
        return machine?.power === 'stopped';
      });
      expect(stopped).toMatchObject({ stopCause: 'requested' });
      expect(stopped?.stoppingSinceMs).toBeUndefined();
    },
  },
  {
    title: 'a repeated graceful stop does not move the moment when the plug is pulled',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', EPOCH);
      const first = await rig.machine.stop(context, id, { mode: 'graceful', deadlineMs: 1000 }, rig.signal);
      const second = await rig.machine.stop(context, id, { mode: 'graceful', deadlineMs: 600_000 }, rig.signal);
      if (second.power === 'running') expect(second.stoppingSinceMs).toBe(first.stoppingSinceMs);
      await rig.machineOnce(id, (machine) => machine?.power === 'stopped');
    },
  },
  {
    title: 'a hard stop shortens a graceful one',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', EPOCH);
      await rig.machine.stop(context, id, { mode: 'graceful', deadlineMs: 600_000 }, rig.signal);
      await rig.machine.stop(context, id, { mode: 'hard' }, rig.signal);
      expect(await rig.machineOnce(id, (machine) => machine?.power === 'stopped')).toMatchObject({ stopCause: 'requested' });
    },
  },
  {
    title: 'stopping a stopped machine changes nothing',
    async run(rig) {
      const { id } = await rig.newMachine();
      const context = await rig.on('machine', EPOCH);
      for (const how of [{ mode: 'hard' }, { mode: 'graceful', deadlineMs: 1000 }] as const) {
        expect(await rig.machine.stop(context, id, how, rig.signal)).toMatchObject({ power: 'stopped', stopCause: 'never-started' });
      }
    },
  },
  {
    title: 'a machine that was stopped starts again',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', EPOCH);
      await rig.machine.stop(context, id, { mode: 'hard' }, rig.signal);
      await rig.machineOnce(id, (machine) => machine?.power === 'stopped');
      await rig.machine.start(context, id, rig.signal);
      expect((await rig.machineOnce(id, (machine) => machine?.power === 'running'))?.stopCause).toBeUndefined();
    },
  },
  {
    title: 'a machine that runs is not deleted',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', EPOCH);
      await refusal(rig.machine.delete(context, id, rig.signal), 'FAILED_PRECONDITION', 'NEEDS_STOP');
      expect((await rig.machine.get(context, id, rig.signal))?.power).toBe('running');
    },
  },
  {
    title: 'a deleted machine is gone, and deleting it again is success',
    async run(rig) {
      const { id } = await rig.newMachine();
      const context = await rig.on('machine', EPOCH);
      await rig.machine.delete(context, id, rig.signal);
      expect(await rig.machine.get(context, id, rig.signal)).toBeUndefined();
      expect((await rig.machine.list(context, rig.signal)).map((machine) => machine.id)).not.toContain(id);
      await rig.machine.delete(context, id, rig.signal);
    },
  },
  {
    title: 'deleting, releasing and getting a machine that never was is success',
    async run(rig) {
      const context = await rig.on('machine', EPOCH);
      await rig.machine.delete(context, rig.uid(), rig.signal);
      await rig.machine.release(context, rig.uid(), rig.signal);
      expect(await rig.machine.get(context, rig.uid(), rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'starting and stopping a machine that never was is NOT_FOUND',
    async run(rig) {
      const context = await rig.on('machine', EPOCH);
      await refusal(rig.machine.start(context, rig.uid(), rig.signal), 'NOT_FOUND', 'MACHINE_NOT_FOUND');
      await refusal(rig.machine.stop(context, rig.uid(), { mode: 'hard' }, rig.signal), 'NOT_FOUND', 'MACHINE_NOT_FOUND');
    },
  },
  {
    title: 'a uid that belongs to another object is ALREADY_EXISTS, and the machine stays as it is',
    async run(rig) {
      const machine = await rig.newMachine();
      const context = await rig.on('machine', { ...EPOCH, generation: 2 });
      const owner = { ...rig.owner('VirtualMachine', machine.id), name: 'somebody-else' };
      await refusal(rig.machine.ensure(context, rig.spec(machine.id, { owner }), rig.signal), 'ALREADY_EXISTS');
      expect(await rig.machine.get(context, machine.id, rig.signal)).toEqual(machine);
    },
  },
  {
    title: 'a released machine runs on, is listed as released, and is not touched any more',
    async run(rig) {
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', { ...EPOCH, generation: 2 });
      const stopIt = await rig.on('machine', { ...EPOCH, generation: 3 });
      await rig.machine.release(context, id, rig.signal);
      await rig.machine.release(context, id, rig.signal);
      const released = (await rig.machine.list(context, rig.signal)).find((machine) => machine.id === id);
      expect(released).toMatchObject({ released: true, power: 'running' });
      await refusal(rig.machine.stop(stopIt, id, { mode: 'hard' }, rig.signal), ['ALREADY_EXISTS', 'NOT_FOUND']);
      await refusal(rig.machine.ensure(stopIt, rig.spec(id), rig.signal), 'ALREADY_EXISTS');
      expect((await rig.machine.list(context, rig.signal)).find((machine) => machine.id === id)?.power).toBe('running');
    },
  },
  {
    title: 'a machine tells its owner, its name and its interfaces as they were given',
    capability: 'machine.interface.user',
    async run(rig) {
      const interfaces = [{ name: 'net0', mac: '02:00:00:12:34:56', mode: 'user' }] as const;
      const { id, owner, interfaces: seen } = await rig.newMachine({ interfaces });
      expect(owner).toEqual(rig.owner('VirtualMachine', id));
      expect(seen.map(({ name, mac }) => ({ name, mac }))).toEqual([{ name: 'net0', mac: '02:00:00:12:34:56' }]);
    },
  },
  {
    title: 'looking is never pending, however many look, and whatever they hold',
    async run(rig) {
      const { id } = await rig.newMachine();
      const context = await rig.on('machine', { ...EPOCH, epoch: 0, incarnation: 0 });
      const look = (): Promise<unknown> => rig.machine.get(context, id, rig.signal);
      const seen = await Promise.all(Array.from({ length: 20 }, look));
      expect(new Set(seen.map((machine) => JSON.stringify(machine))).size).toBe(1);
    },
  },
  {
    title: 'machines are listed in Host.Observe as in Machine.List',
    async run(rig) {
      await rig.newMachine();
      const context = await rig.look('machine');
      const observed = await rig.driver.host?.observe(context, rig.signal);
      expect(observed?.machines).toEqual(await rig.machine.list(context, rig.signal));
    },
  },
];
