import { expect } from 'expect';
import type { Check } from './check.ts';
import { refusal, retried } from './rig.ts';
import type { Rig } from './rig.ts';

const EPOCH = { placementEpoch: 1 };

/** A running machine that holds a disk. */
async function holding(rig: Rig): Promise<{ readonly machine: string; readonly disk: string; readonly hostId: string }> {
  const { id: disk } = await rig.newDisk();
  const connection = await rig.publish(disk);
  const machine = await rig.newRunning({ disks: [{ name: 'data', uid: disk, readOnly: false, connection }] });
  return { machine: machine.id, disk, hostId: await rig.hostId() };
}

/** Life of a disk: made, grown, published, deleted, handed back. */
export const diskChecks: readonly Check[] = [
  {
    title: 'Ensure makes a disk of the size that was asked for, with its tag',
    async run(rig) {
      const disk = await rig.newDisk();
      expect(disk).toMatchObject({
        sizeBytes: rig.subject.diskBytes,
        owner: rig.owner('Volume', disk.id),
        released: false,
        publishedTo: [],
      });
      expect(disk.actualSizeBytes).toBeLessThanOrEqual(disk.sizeBytes);
      expect(await rig.disk.get(await rig.look('disk'), disk.id, rig.signal)).toEqual(disk);
    },
  },
  {
    title: 'Ensure ten times at once is one disk and one answer',
    async run(rig) {
      const { id, owner, sizeBytes } = await rig.newDisk();
      const context = await rig.on('disk');
      const disk = { owner: owner ?? rig.owner('Volume', id), sizeBytes };
      const ensure = (): Promise<unknown> => retried(rig.subject, () => rig.disk.ensure(context, disk, rig.signal), rig.signal);
      const answers = await Promise.all(Array.from({ length: 10 }, ensure));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect((await rig.disk.list(context, rig.signal)).filter((listed) => listed.id === id)).toHaveLength(1);
    },
  },
  {
    title: 'the same uid with another size is ALREADY_EXISTS, and the disk stays as it is',
    async run(rig) {
      const disk = await rig.newDisk();
      const context = await rig.on('disk', { generation: 2 });
      const other = { owner: rig.owner('Volume', disk.id), sizeBytes: disk.sizeBytes * 2 };
      await refusal(rig.disk.ensure(context, other, rig.signal), 'ALREADY_EXISTS', 'OTHER_CONTENT');
      expect((await rig.disk.get(context, disk.id, rig.signal))?.sizeBytes).toBe(disk.sizeBytes);
    },
  },
  {
    title: 'the same uid for another object is ALREADY_EXISTS',
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk();
      const owner = { ...rig.owner('Volume', id), name: 'somebody-else' };
      await refusal(rig.disk.ensure(await rig.on('disk', { generation: 2 }), { owner, sizeBytes }, rig.signal), 'ALREADY_EXISTS');
    },
  },
  {
    title: 'Expand grows a disk, and once it has the size changes nothing',
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk();
      const context = await rig.on('disk', { generation: 2 });
      for (const _ of [1, 2]) {
        expect(await rig.disk.expand(context, { uid: id, sizeBytes: sizeBytes * 2 }, rig.signal)).toMatchObject({
          sizeBytes: sizeBytes * 2,
          generation: 2,
        });
      }
    },
  },
  {
    title: 'Expand never shrinks',
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk();
      const context = await rig.on('disk', { generation: 2 });
      await refusal(rig.disk.expand(context, { uid: id, sizeBytes: sizeBytes / 2 }, rig.signal), 'FAILED_PRECONDITION', 'SHRINK_REFUSED');
      expect((await rig.disk.get(context, id, rig.signal))?.sizeBytes).toBe(sizeBytes);
    },
  },
  {
    title: 'expanding and publishing a disk that never was is NOT_FOUND',
    async run(rig) {
      const context = await rig.on('disk');
      await refusal(
        rig.disk.expand(context, { uid: rig.uid(), sizeBytes: rig.subject.diskBytes }, rig.signal),
        'NOT_FOUND',
        'DISK_NOT_FOUND',
      );
      await refusal(rig.disk.publish(context, { uid: rig.uid(), hostId: await rig.hostId() }, rig.signal), 'NOT_FOUND', 'DISK_NOT_FOUND');
    },
  },
  {
    title: 'a deleted disk is gone, and deleting it again is success',
    async run(rig) {
      const { id } = await rig.newDisk();
      const context = await rig.on('disk');
      await rig.disk.delete(context, id, rig.signal);
      expect(await rig.disk.get(context, id, rig.signal)).toBeUndefined();
      expect((await rig.disk.list(context, rig.signal)).map((disk) => disk.id)).not.toContain(id);
      await rig.disk.delete(context, id, rig.signal);
    },
  },
  {
    title: 'deleting, releasing, unpublishing and getting a disk that never was is success',
    async run(rig) {
      const context = await rig.on('disk');
      await rig.disk.delete(context, rig.uid(), rig.signal);
      await rig.disk.release(context, rig.uid(), rig.signal);
      await rig.disk.unpublish(context, { uid: rig.uid(), hostId: await rig.hostId() }, rig.signal);
      expect(await rig.disk.get(context, rig.uid(), rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'Publish says how the host reaches the disk, the same every time, by a protocol that the pool declares',
    async run(rig) {
      const { id } = await rig.newDisk();
      const connection = await rig.publish(id);
      expect(await rig.publish(id)).toEqual(connection);
      const observed = await rig.driver.pool?.observe(await rig.look('disk'), rig.signal);
      expect(observed?.protocols).toContain(connection.protocol);
      expect(observed?.disks.find((disk) => disk.id === id)?.publishedTo).toEqual([await rig.hostId()]);
      expect(await rig.driver.identity.getCapabilities(rig.signal)).toContain(`disk-protocol.${connection.protocol}`);
    },
  },
  {
    title: 'a published disk is not deleted; unpublished, again too, it is',
    async run(rig) {
      const { id } = await rig.newDisk();
      await rig.publish(id);
      const context = await rig.on('disk');
      await refusal(rig.disk.delete(context, id, rig.signal), 'FAILED_PRECONDITION', 'IN_USE');
      for (const _ of [1, 2]) await rig.disk.unpublish(context, { uid: id, hostId: await rig.hostId() }, rig.signal);
      await rig.disk.delete(context, id, rig.signal);
      expect(await rig.disk.get(context, id, rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'a disk that a machine holds is not unpublished, deleted or expanded behind it',
    async run(rig) {
      const { disk, hostId } = await holding(rig);
      const context = await rig.on('disk', { generation: 2 });
      await refusal(rig.disk.unpublish(context, { uid: disk, hostId }, rig.signal), 'FAILED_PRECONDITION', 'IN_USE');
      await refusal(rig.disk.delete(context, disk, rig.signal), 'FAILED_PRECONDITION', 'IN_USE');
      await refusal(
        rig.disk.expand(context, { uid: disk, sizeBytes: rig.subject.diskBytes * 2 }, rig.signal),
        'FAILED_PRECONDITION',
        'IN_USE',
      );
    },
  },
  {
    title: 'a disk that one machine writes is not given to a second',
    async run(rig) {
      const { disk } = await holding(rig);
      const connection = await rig.publish(disk);
      const second = await rig.newMachine({ disks: [{ name: 'data', uid: disk, readOnly: false, connection }] });
      await refusal(rig.machine.start(await rig.on('machine', EPOCH), second.id, rig.signal), 'FAILED_PRECONDITION', 'IN_USE');
      expect((await rig.machine.get(await rig.look('machine'), second.id, rig.signal))?.power).toBe('stopped');
    },
  },
  {
    title: 'a machine shows its disks with their sizes, and deleting it touches none of them',
    async run(rig) {
      const { id: disk, sizeBytes } = await rig.newDisk();
      const connection = await rig.publish(disk);
      const machine = await rig.newMachine({ disks: [{ name: 'data', uid: disk, readOnly: true, connection }] });
      expect(machine.disks).toEqual([{ name: 'data', uid: disk, sizeBytes, readOnly: true }]);
      await rig.machine.delete(await rig.on('machine', EPOCH), machine.id, rig.signal);
      expect((await rig.disk.get(await rig.look('disk'), disk, rig.signal))?.sizeBytes).toBe(sizeBytes);
    },
  },
  {
    title: 'a released disk stays, is listed as released, and is not touched any more',
    async run(rig) {
      const { id, sizeBytes } = await rig.newDisk();
      const context = await rig.on('disk', { generation: 2 });
      for (const _ of [1, 2]) await rig.disk.release(context, id, rig.signal);
      await refusal(rig.disk.expand(context, { uid: id, sizeBytes: sizeBytes * 2 }, rig.signal), ['ALREADY_EXISTS', 'NOT_FOUND']);
      const found = (await rig.disk.list(context, rig.signal)).find((disk) => disk.id === id);
      expect(found).toMatchObject({ released: true, sizeBytes });
    },
  },
  {
    title: 'AttachDisk attaches while the machine runs, once however often it is asked',
    capability: 'machine.attach-disk',
    async run(rig) {
      const { id: disk, sizeBytes } = await rig.newDisk();
      const connection = await rig.publish(disk);
      const { id } = await rig.newRunning();
      const context = await rig.on('machine', EPOCH);
      for (const _ of [1, 2]) {
        const add = { name: 'extra', uid: disk, readOnly: false, connection };
        const machine = await retried(rig.subject, () => rig.machine.attachDisk(context, id, add, rig.signal), rig.signal);
        expect(machine.disks).toEqual([{ name: 'extra', uid: disk, sizeBytes, readOnly: false }]);
      }
    },
  },
  {
    title: 'GrowDisk grows an attached disk and never shrinks it',
    capability: 'machine.grow-disk',
    async run(rig) {
      const { machine, disk } = await holding(rig);
      const context = await rig.on('machine', EPOCH);
      const sizeBytes = rig.subject.diskBytes * 2;
      const grown = await rig.machine.growDisk(context, machine, { uid: disk, sizeBytes }, rig.signal);
      expect(grown.disks[0]?.sizeBytes).toBe(sizeBytes);
      await refusal(
        rig.machine.growDisk(context, machine, { uid: disk, sizeBytes: sizeBytes / 2 }, rig.signal),
        'FAILED_PRECONDITION',
        'SHRINK_REFUSED',
      );
    },
  },
  {
    title: 'a disk that is detached from a stopped machine may go elsewhere',
    capability: 'machine.attach-disk',
    async run(rig) {
      const { id: disk } = await rig.newDisk();
      const connection = await rig.publish(disk);
      const { id } = await rig.newMachine({ disks: [{ name: 'data', uid: disk, readOnly: false, connection }] });
      const context = await rig.on('machine', EPOCH);
      for (const _ of [1, 2]) expect((await rig.machine.detachDisk(context, id, disk, rig.signal)).disks).toEqual([]);
      await rig.disk.unpublish(await rig.on('disk'), { uid: disk, hostId: await rig.hostId() }, rig.signal);
    },
  },
];
