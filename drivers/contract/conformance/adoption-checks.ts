import { expect } from 'expect';
import type { Adoption, MutationContext, Owner } from '../fence.ts';
import type { Check } from './check.ts';
import { refusal, retried } from './rig.ts';
import type { Rig } from './rig.ts';

const EPOCH = { placementEpoch: 1 };

/** A disk that was handed back, and the tag that it still has. */
async function released(rig: Rig): Promise<string> {
  const { id } = await rig.newDisk();
  await rig.disk.release(await rig.on('disk'), id, rig.signal);
  return id;
}

function newOwner(rig: Rig, kind: 'Volume' | 'VirtualMachine'): Owner {
  const uid = rig.uid();
  rig.takes(kind, uid);
  return rig.owner(kind, uid);
}

async function adoptDisk(rig: Rig, adoption: Adoption, over?: MutationContext): Promise<Awaited<ReturnType<Rig['disk']['adopt']>>> {
  const context = over ?? (await rig.on('disk'));
  return retried(rig.subject, () => rig.disk.adopt(context, adoption, rig.signal), rig.signal);
}

/** How what nobody manages is taken in. */
export const adoptionChecks: readonly Check[] = [
  {
    title: 'a released disk is taken in as it is, once however often it is asked, and is managed from then on',
    capability: 'disk.adopt',
    async run(rig) {
      const id = await released(rig);
      const owner = newOwner(rig, 'Volume');
      const { diskBytes: sizeBytes } = rig.subject;
      for (const _ of [1, 2]) {
        const adopted = await adoptDisk(rig, { id, owner, from: id });
        expect(adopted).toMatchObject({ owner, released: false, sizeBytes, generation: 0 });
      }
      const context = await rig.on('disk');
      const listed = await rig.disk.list(context, rig.signal);
      expect(listed.filter(({ owner: tag }) => tag?.uid === owner.uid || tag?.uid === id)).toHaveLength(1);
      const grown = await rig.disk.expand(context, { uid: owner.uid, sizeBytes: sizeBytes * 2 }, rig.signal);
      expect(grown.sizeBytes).toBe(sizeBytes * 2);
    },
  },
  {
    title: 'of two that take in one disk, one has it, and the other is refused',
    capability: 'disk.adopt',
    async run(rig) {
      const id = await released(rig);
      const [first, second] = [newOwner(rig, 'Volume'), newOwner(rig, 'Volume')];
      await adoptDisk(rig, { id, owner: first, from: id });
      const context = await rig.on('disk');
      await refusal(rig.disk.adopt(context, { id, owner: second, from: id }, rig.signal), ['NOT_FOUND', 'ALREADY_EXISTS']);
      expect(await rig.disk.get(context, second.uid, rig.signal)).toBeUndefined();
      expect((await rig.disk.get(context, first.uid, rig.signal))?.owner).toEqual(first);
    },
  },
  {
    title: 'a disk or machine with another tag than the caller saw is not taken in',
    capability: 'disk.adopt',
    async run(rig) {
      const { id } = await rig.newDisk();
      const owner = newOwner(rig, 'Volume');
      const context = await rig.on('disk');
      for (const from of ['', 'another']) {
        await refusal(rig.disk.adopt(context, { id, owner, from }, rig.signal), 'ALREADY_EXISTS', 'FOREIGN_OWNER');
      }
      expect((await rig.disk.get(context, id, rig.signal))?.owner?.uid).toBe(id);
    },
  },
  {
    title: 'a disk that a machine holds is not taken in',
    capability: 'disk.adopt',
    async run(rig) {
      const { id } = await rig.newDisk();
      const connection = await rig.publish(id);
      await rig.newRunning({ disks: [{ name: 'data', uid: id, readOnly: false, connection }] });
      const owner = newOwner(rig, 'Volume');
      await refusal(rig.disk.adopt(await rig.on('disk'), { id, owner, from: id }, rig.signal), 'FAILED_PRECONDITION', 'IN_USE');
    },
  },
  {
    title: 'taking in what never was is NOT_FOUND, and a deleted uid takes nothing in',
    capability: 'disk.adopt',
    async run(rig) {
      const context = await rig.on('disk');
      await refusal(rig.disk.adopt(context, { id: rig.uid(), owner: newOwner(rig, 'Volume'), from: '' }, rig.signal), 'NOT_FOUND');
      const id = await released(rig);
      const dead = newOwner(rig, 'Volume');
      await rig.disk.delete(context, dead.uid, rig.signal);
      await refusal(rig.disk.adopt(context, { id, owner: dead, from: id }, rig.signal), 'FAILED_PRECONDITION', 'TOMBSTONED');
    },
  },
  {
    title: 'a foreign disk is taken in with its tag',
    capability: 'disk.adopt',
    hook: 'plantDisk',
    async run(rig) {
      const id = (await rig.subject.plantDisk?.(rig.subject.endpoint('disk', 0).ref.uid)) ?? '';
      const owner = newOwner(rig, 'Volume');
      expect((await adoptDisk(rig, { id, owner, from: '' })).owner).toEqual(owner);
      expect((await rig.disk.get(await rig.look('disk'), owner.uid, rig.signal))?.released).toBe(false);
    },
  },
  {
    title: 'a running machine is taken in without being stopped, and follows its new owner',
    capability: 'machine.adopt',
    async run(rig) {
      const { id } = await rig.newRunning();
      const owner = newOwner(rig, 'VirtualMachine');
      const context = await rig.on('machine', EPOCH);
      for (const _ of [1, 2]) {
        const adopted = await retried(rig.subject, () => rig.machine.adopt(context, { id, owner, from: id }, rig.signal), rig.signal);
        expect(adopted).toMatchObject({ owner, power: 'running', generation: 0, placementEpoch: 1 });
      }
      const machines = await rig.machine.list(context, rig.signal);
      expect(machines.filter(({ owner: tag }) => tag?.uid === id)).toEqual([]);
      const described = await rig.machine.ensure(context, rig.spec(owner.uid, { owner }), rig.signal);
      expect(described).toMatchObject({ power: 'running', generation: 1 });
    },
  },
  {
    title: 'of two that take in one machine, one has it; another tag than was seen takes nothing in',
    capability: 'machine.adopt',
    async run(rig) {
      const { id } = await rig.newMachine();
      const [first, second] = [newOwner(rig, 'VirtualMachine'), newOwner(rig, 'VirtualMachine')];
      const context = await rig.on('machine', EPOCH);
      await refusal(rig.machine.adopt(context, { id, owner: first, from: '' }, rig.signal), 'ALREADY_EXISTS', 'FOREIGN_OWNER');
      await rig.machine.adopt(context, { id, owner: first, from: id }, rig.signal);
      await refusal(rig.machine.adopt(context, { id, owner: second, from: id }, rig.signal), ['NOT_FOUND', 'ALREADY_EXISTS']);
      expect(await rig.machine.get(context, second.uid, rig.signal)).toBeUndefined();
    },
  },
];
