import { expect } from 'expect';
import type { Fence } from '../fence.ts';
import type { Check } from './check.ts';
import { refusal } from './rig.ts';
import type { Rig } from './rig.ts';

const NEW: Partial<Fence> = { incarnation: 3, epoch: 5, generation: 7, placementEpoch: 9 };

/** One machine that followed `NEW`, and a call with something older. */
function refusesOlder(field: keyof Fence, older: Partial<Fence>): Check {
  return {
    title: `an older ${field} is refused with the newer value, and changes nothing`,
    async run(rig) {
      const { id } = await rig.newMachine({}, NEW);
      const before = await rig.machine.get(await rig.look('machine'), id, rig.signal);
      const context = await rig.on('machine', { ...NEW, ...older });
      const { memoryBytes } = rig.subject.machine;
      const calls = [
        rig.machine.start(context, id, rig.signal),
        rig.machine.delete(context, id, rig.signal),
        rig.machine.release(context, id, rig.signal),
        rig.machine.stop(context, id, { mode: 'hard' }, rig.signal),
        rig.machine.ensure(context, rig.spec(id, { memoryBytes: memoryBytes * 2 }), rig.signal),
      ];
      const settled = await Promise.allSettled(calls);
      expect(settled.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
      const { metadata } = await refusal(rig.machine.start(context, id, rig.signal), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      expect(metadata[field]).toBe(String(NEW[field]));
      expect(await rig.machine.get(context, id, rig.signal)).toEqual(before);
    },
  };
}

async function ensureAgain(rig: Rig, uid: string, over: Partial<Fence>): Promise<unknown> {
  return rig.machine.ensure(await rig.on('machine', over), rig.spec(uid), rig.signal);
}

/** Old leaders, old decisions, and what was deleted. */
export const fenceChecks: readonly Check[] = [
  refusesOlder('incarnation', { incarnation: 2, epoch: 99, generation: 99, placementEpoch: 99 }),
  refusesOlder('epoch', { epoch: 4, generation: 99, placementEpoch: 99 }),
  refusesOlder('generation', { generation: 6 }),
  refusesOlder('placementEpoch', { placementEpoch: 8 }),
  {
    title: 'an old leader is refused on things that it has never touched',
    async run(rig) {
      await rig.newDisk({ epoch: 5 });
      await refusal(rig.newDisk({ epoch: 4 }), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      await refusal(rig.newMachine({}, { epoch: 4 }), 'FAILED_PRECONDITION', 'STALE_EPOCH');
    },
  },
  {
    title: "another shard's epochs are its own",
    async run(rig) {
      await rig.newDisk({ epoch: 50 });
      await rig.newDisk({ epoch: 1, shard: `${rig.fence().shard}-other` });
    },
  },
  {
    title: 'a higher incarnation starts all counts anew, so that a restored store is not locked out',
    async run(rig) {
      const { id } = await rig.newMachine({}, NEW);
      const machine = await ensureAgain(rig, id, { incarnation: 4, epoch: 1, generation: 1, placementEpoch: 1 });
      expect(machine).toMatchObject({ generation: 1, placementEpoch: 1 });
    },
  },
  {
    title: "a disk's older generation is refused",
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk({ generation: 7 });
      const context = await rig.on('disk', { generation: 6 });
      await refusal(rig.disk.expand(context, { uid: id, sizeBytes: sizeBytes * 2 }, rig.signal), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      await refusal(rig.disk.delete(context, id, rig.signal), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      expect((await rig.disk.get(context, id, rig.signal))?.sizeBytes).toBe(sizeBytes);
    },
  },
  {
    title: 'a late create does not bring a deleted machine back',
    async run(rig) {
      const { id } = await rig.newMachine({}, { placementEpoch: 3, generation: 2 });
      await rig.machine.delete(await rig.on('machine', { placementEpoch: 3, generation: 2 }), id, rig.signal);
      await refusal(ensureAgain(rig, id, { placementEpoch: 3, generation: 2 }), 'FAILED_PRECONDITION', 'TOMBSTONED');
      await refusal(ensureAgain(rig, id, { placementEpoch: 2, generation: 2 }), 'FAILED_PRECONDITION');
      expect(await rig.machine.get(await rig.look('machine'), id, rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'a deleted machine comes back with a higher placement epoch',
    async run(rig) {
      const { id } = await rig.newMachine({}, { placementEpoch: 3, generation: 2 });
      await rig.machine.delete(await rig.on('machine', { placementEpoch: 3, generation: 2 }), id, rig.signal);
      expect(await ensureAgain(rig, id, { placementEpoch: 4, generation: 2 })).toMatchObject({ id, placementEpoch: 4, power: 'stopped' });
    },
  },
  {
    title: 'the uid of a deleted disk never returns',
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk();
      await rig.disk.delete(await rig.on('disk'), id, rig.signal);
      const context = await rig.on('disk', { generation: 9, placementEpoch: 9, epoch: 9, incarnation: 9 });
      await refusal(
        rig.disk.ensure(context, { owner: rig.owner('Volume', id), sizeBytes }, rig.signal),
        'FAILED_PRECONDITION',
        'TOMBSTONED',
      );
      expect(await rig.disk.get(context, id, rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'publishing for a machine does not count as a decision of the disk',
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk({ generation: 1 });
      const machine = await rig.on('disk', { generation: 40, placementEpoch: 6 });
      await rig.disk.publish({ ...machine, trace: `${rig.uid()}.40` }, { uid: id, hostId: await rig.hostId() }, rig.signal);
      const disk = await rig.on('disk', { generation: 2 });
      const { publishedTo } = await rig.disk.expand({ ...disk, trace: `${id}.2` }, { uid: id, sizeBytes: sizeBytes * 2 }, rig.signal);
      expect(publishedTo).toEqual([await rig.hostId()]);
      await rig.publish(id);
    },
  },
  {
    title: "another installation's call does not touch what is ours",
    async run(rig) {
      const { id } = await rig.newMachine();
      const before = await rig.machine.get(await rig.look('machine'), id, rig.signal);
      const context = await rig.on('machine', { installation: 'another', placementEpoch: 99, generation: 99 });
      await refusal(rig.machine.start(context, id, rig.signal), ['ALREADY_EXISTS', 'NOT_FOUND', 'PERMISSION_DENIED']);
      const owner = { ...rig.owner('VirtualMachine', id), installation: 'another' };
      await refusal(rig.machine.ensure(context, rig.spec(id, { owner }), rig.signal), 'ALREADY_EXISTS');
      expect(await rig.machine.get(context, id, rig.signal)).toEqual(before);
    },
  },
];
