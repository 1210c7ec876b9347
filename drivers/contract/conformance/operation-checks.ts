import { expect } from 'expect';
import type { Operation } from '../disk.ts';
import type { Check } from './check.ts';
import { eventually, refusal } from './rig.ts';
import type { Rig } from './rig.ts';

async function begin(rig: Rig, uid: string, operationId: string): Promise<Operation> {
  const { name: image, sizeBytes } = rig.subject.image;
  return rig.disk.import(await rig.on('disk'), { owner: rig.owner('Volume', uid), sizeBytes, image, operationId }, rig.signal);
}

async function ended(rig: Rig, id: string): Promise<Operation | undefined> {
  const context = await rig.look('disk');
  return eventually(
    rig.subject,
    () => rig.operation.get(context, id, rig.signal),
    (operation) => operation?.state !== 'running',
    rig.signal,
  );
}

/** Work longer than a call. */
export const operationChecks: readonly Check[] = [
  {
    title: 'an import fills a disk, its progress never falls, and the disk has the size that was asked for',
    capability: 'disk.import',
    async run(rig) {
      const uid = rig.uid();
      let { percent } = await begin(rig, uid, uid);
      const context = await rig.look('disk');
      const look = async (): Promise<Operation | undefined> => {
        const operation = await rig.operation.get(context, uid, rig.signal);
        expect(operation?.percent).toBeGreaterThanOrEqual(percent);
        percent = operation?.percent ?? 0;
        return operation;
      };
      expect(await eventually(rig.subject, look, (seen) => seen?.state !== 'running', rig.signal)).toMatchObject({
        state: 'succeeded',
        percent: 100,
        uid,
      });
      expect((await rig.disk.get(context, uid, rig.signal))?.sizeBytes).toBe(rig.subject.image.sizeBytes);
      await rig.disk.delete(await rig.on('disk'), uid, rig.signal);
    },
  },
  {
    title: 'a repeated operation id is the same operation, while it runs and after it ended',
    capability: 'disk.import',
    async run(rig) {
      const uid = rig.uid();
      const first = await begin(rig, uid, uid);
      expect(await begin(rig, uid, uid)).toMatchObject({ id: first.id, uid, bytesTotal: first.bytesTotal });
      await ended(rig, uid);
      expect(await begin(rig, uid, uid)).toMatchObject({ state: 'succeeded' });
      const listed = await rig.operation.list(await rig.look('disk'), rig.signal);
      expect(listed.filter(({ id }) => id === uid)).toHaveLength(1);
      await rig.disk.delete(await rig.on('disk'), uid, rig.signal);
    },
  },
  {
    title: 'an operation id that is reused for other work is ALREADY_EXISTS',
    capability: 'disk.import',
    async run(rig) {
      const [uid, other] = [rig.uid(), rig.uid()];
      await begin(rig, uid, uid);
      await refusal(begin(rig, other, uid), 'ALREADY_EXISTS');
      await ended(rig, uid);
      await rig.disk.delete(await rig.on('disk'), uid, rig.signal);
    },
  },
  {
    title: 'a cancelled import leaves nothing behind',
    capability: 'disk.import',
    async run(rig) {
      const uid = rig.uid();
      await begin(rig, uid, uid);
      const context = await rig.on('disk');
      for (const _ of [1, 2]) await rig.operation.cancel(context, uid, rig.signal);
      const { state } = (await ended(rig, uid)) ?? { state: 'cancelled' };
      // A fast pool may have ended before: then the disk is whole, and there by right.
      const disk = await rig.disk.get(context, uid, rig.signal);
      expect([state, disk === undefined]).toEqual(state === 'succeeded' ? ['succeeded', false] : ['cancelled', true]);
      await rig.disk.delete(context, uid, rig.signal);
    },
  },
  {
    title: 'a missing image is NOT_FOUND, and leaves nothing behind',
    capability: 'disk.import',
    async run(rig) {
      const [uid, context] = [rig.uid(), await rig.on('disk')];
      const disk = { owner: rig.owner('Volume', uid), sizeBytes: rig.subject.image.sizeBytes, image: 'no-such-image', operationId: uid };
      await refusal(rig.disk.import(context, disk, rig.signal), 'NOT_FOUND', 'IMAGE_NOT_FOUND');
      expect(await rig.disk.get(context, uid, rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'a clone has the bytes of its source and a life of its own',
    capability: 'disk.clone',
    async run(rig) {
      const { id: sourceUid, sizeBytes } = await rig.newDisk();
      const [uid, context] = [rig.uid(), await rig.on('disk')];
      const owner = rig.owner('Volume', uid);
      await rig.disk.clone(context, { owner, sizeBytes: sizeBytes * 2, sourceUid, operationId: uid }, rig.signal);
      expect((await ended(rig, uid))?.state).toBe('succeeded');
      await rig.disk.delete(context, sourceUid, rig.signal);
      expect(await rig.disk.get(context, uid, rig.signal)).toMatchObject({ sizeBytes: sizeBytes * 2, owner });
      await rig.disk.delete(context, uid, rig.signal);
    },
  },
  {
    title: 'a clone of a disk that never was is NOT_FOUND',
    capability: 'disk.clone',
    async run(rig) {
      const uid = rig.uid();
      const disk = { owner: rig.owner('Volume', uid), sizeBytes: rig.subject.diskBytes, sourceUid: rig.uid(), operationId: uid };
      await refusal(rig.disk.clone(await rig.on('disk'), disk, rig.signal), 'NOT_FOUND', 'DISK_NOT_FOUND');
    },
  },
  {
    title: 'getting and cancelling an operation that never was is success',
    async run(rig) {
      const context = await rig.on('disk');
      expect(await rig.operation.get(context, rig.uid(), rig.signal)).toBeUndefined();
      await rig.operation.cancel(context, rig.uid(), rig.signal);
    },
  },
];
