import { expect } from 'expect';
import type { Check } from './check.ts';
import { eventually, refusal } from './rig.ts';
import type { Rig } from './rig.ts';

const EPOCH = { placementEpoch: 1 };
/** The n-th endpoint is used by one check only, because it is made to hang. */
const STUCK = 20;

/** Aborts after `ms`, as a deadline does. */
function deadline(rig: Rig, ms: number): AbortSignal {
  const controller = new AbortController();
  void rig.subject.clock.sleep(ms, rig.signal).then(() => controller.abort(new DOMException('the deadline passed', 'TimeoutError')));
  return controller.signal;
}

/** Deadlines, cancellation, death of the process, and what is not ours. */
export const faultChecks: readonly Check[] = [
  {
    title: 'a deadline is obeyed, and its outcome is unknown',
    category: 'machine',
    hook: 'hang',
    async run(rig) {
      const context = await rig.on('machine', EPOCH, STUCK);
      await rig.subject.hang?.(rig.subject.endpoint('machine', STUCK).ref.uid);
      const began = rig.subject.clock.monotonic();
      await refusal(rig.machine.delete(context, rig.uid(), deadline(rig, 300)), 'DEADLINE_EXCEEDED');
      expect(rig.subject.clock.monotonic() - began).toBeLessThan(2000);
      await rig.subject.heal?.();
    },
  },
  {
    title: 'a call that was given up does not hold its uid for ever',
    category: 'machine',
    hook: 'hang',
    async run(rig) {
      const context = await rig.on('machine', EPOCH, STUCK);
      const uid = rig.uid();
      await rig.subject.hang?.(rig.subject.endpoint('machine', STUCK).ref.uid);
      await refusal(rig.machine.delete(context, uid, deadline(rig, 200)), 'DEADLINE_EXCEEDED');
      await rig.subject.heal?.();
      const tried = (): Promise<boolean> =>
        rig.machine.delete(context, uid, rig.signal).then(
          () => true,
          () => false,
        );
      await eventually(rig.subject, tried, (done) => done, rig.signal);
    },
  },
  {
    title: 'a cancelled call leaves nothing behind',
    category: 'machine',
    hook: 'slow',
    async run(rig) {
      const context = await rig.on('machine', EPOCH, STUCK);
      await rig.subject.slow?.(rig.subject.endpoint('machine', STUCK).ref.uid, 500);
      const [uid, cancelling] = [rig.uid(), new AbortController()];
      const { owner, ...rest } = rig.spec('x');
      const call = rig.machine.ensure(context, { ...rest, owner: { ...owner, uid } }, cancelling.signal).catch((error: unknown) => error);
      await rig.subject.clock.sleep(100, rig.signal);
      const reason = new Error('no longer wanted');
      cancelling.abort(reason);
      expect(await call).toBe(reason);
      await rig.subject.clock.sleep(700, rig.signal);
      await rig.subject.heal?.();
      expect(await rig.machine.get(context, uid, rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'a call that is cancelled before it begins does nothing',
    async run(rig) {
      const [uid, context] = [rig.uid(), await rig.on('machine', EPOCH)];
      const reason = new Error('never wanted');
      await expect(rig.machine.ensure(context, rig.spec(uid), AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await rig.machine.get(context, uid, rig.signal)).toBeUndefined();
    },
  },
  {
    title: 'a second call on a uid while one runs is OPERATION_PENDING',
    category: 'machine',
    hook: 'slow',
    async run(rig) {
      const context = await rig.on('machine', EPOCH, STUCK);
      await rig.subject.slow?.(rig.subject.endpoint('machine', STUCK).ref.uid, 500);
      const uid = rig.uid();
      const first = rig.machine.delete(context, uid, rig.signal);
      await rig.subject.clock.sleep(100, rig.signal);
      await refusal(rig.machine.delete(context, uid, rig.signal), 'ABORTED', 'OPERATION_PENDING');
      await first;
      await rig.subject.heal?.();
    },
  },
  {
    title: 'a foreign machine is listed without an owner, and never touched',
    category: 'machine',
    hook: 'plantMachine',
    async run(rig) {
      const context = await rig.on('machine', { ...EPOCH, generation: 9 });
      const id = (await rig.subject.plantMachine?.(rig.subject.endpoint('machine', 0).ref.uid)) ?? '';
      const find = async (): Promise<unknown> => (await rig.machine.list(context, rig.signal)).find((machine) => machine.id === id);
      const before = await find();
      expect(before).toMatchObject({ power: 'running', released: false });
      expect(before).not.toHaveProperty('owner');
      const { signal } = rig;
      const spec = { ...rig.spec('x'), owner: rig.owner('VirtualMachine', id) };
      const calls = [
        () => rig.machine.ensure(context, spec, signal),
        () => rig.machine.stop(context, id, { mode: 'hard' }, signal),
        () => rig.machine.release(context, id, signal),
        () => rig.machine.delete(context, id, signal),
      ];
      for (const call of calls) await refusal(call(), ['ALREADY_EXISTS', 'NOT_FOUND', 'PERMISSION_DENIED']);
      expect(await find()).toEqual(before);
    },
  },
  {
    title: 'a foreign disk is listed without an owner, and never touched',
    category: 'disk',
    hook: 'plantDisk',
    async run(rig) {
      const context = await rig.on('disk', { generation: 9 });
      const id = (await rig.subject.plantDisk?.(rig.subject.endpoint('disk', 0).ref.uid)) ?? '';
      const find = async (): Promise<unknown> => (await rig.disk.list(context, rig.signal)).find((disk) => disk.id === id);
      const before = await find();
      expect(before).toMatchObject({ id, released: false });
      expect(before).not.toHaveProperty('owner');
      const { diskBytes: sizeBytes } = rig.subject;
      const calls = [
        () => rig.disk.ensure(context, { owner: rig.owner('Volume', id), sizeBytes }, rig.signal),
        () => rig.disk.expand(context, { uid: id, sizeBytes: sizeBytes * 100 }, rig.signal),
        () => rig.disk.delete(context, id, rig.signal),
      ];
      for (const call of calls) await refusal(call(), ['ALREADY_EXISTS', 'NOT_FOUND', 'PERMISSION_DENIED']);
      expect(await find()).toEqual(before);
    },
  },
  {
    title: 'what was made is listed with its tags after the process was killed, and what ran runs on',
    hook: 'restart',
    async run(rig) {
      const { id: diskId } = await rig.newDisk();
      const connection = await rig.publish(diskId);
      const { id, owner, disks } = await rig.newRunning({ disks: [{ name: 'data', uid: diskId, readOnly: false, connection }] });
      const { instance } = await rig.driver.identity.getInfo(rig.signal);
      const hostId = await rig.hostId();
      await rig.subject.restart?.();
      rig.forget();
      expect((await rig.driver.identity.getInfo(rig.signal)).instance).not.toBe(instance);
      expect(await rig.hostId()).toBe(hostId);
      const machine = (await rig.machine.list(await rig.look('machine'), rig.signal)).find((listed) => listed.id === id);
      expect(machine).toMatchObject({ owner, power: 'running', disks, placementEpoch: 1 });
      const disk = (await rig.disk.list(await rig.look('disk'), rig.signal)).find((listed) => listed.id === diskId);
      expect(disk).toMatchObject({ owner: rig.owner('Volume', diskId), publishedTo: [hostId] });
    },
  },
  {
    title: 'fences and tombstones outlive the process',
    hook: 'restart',
    async run(rig) {
      const { id } = await rig.newMachine({}, { epoch: 5, placementEpoch: 3 });
      const { id: gone } = await rig.newDisk({ epoch: 5 });
      await rig.disk.delete(await rig.on('disk', { epoch: 5 }), gone, rig.signal);
      const { id: left } = await rig.newMachine({}, { epoch: 5, placementEpoch: 3 });
      await rig.machine.delete(await rig.on('machine', { epoch: 5, placementEpoch: 3 }), left, rig.signal);
      await rig.subject.restart?.();
      rig.forget();
      const [low, high] = [
        { epoch: 5, placementEpoch: 2 },
        { epoch: 5, placementEpoch: 3 },
      ];
      const fresh = { ...rig.fence(high), shard: `${rig.fence().shard}-x` };
      await refusal(
        rig.machine.start(await rig.on('machine', { ...fresh, epoch: 1, placementEpoch: 2 }), id, rig.signal),
        'FAILED_PRECONDITION',
        'STALE_EPOCH',
      );
      const session = await rig.session('machine');
      const context = { session, trace: 'x.1', cause: 'x', fence: rig.fence(low) };
      await refusal(rig.machine.start(context, id, rig.signal), 'FAILED_PRECONDITION', 'STALE_EPOCH');
      await refusal(
        rig.machine.ensure({ ...context, fence: rig.fence(high) }, rig.spec(left), rig.signal),
        'FAILED_PRECONDITION',
        'TOMBSTONED',
      );
      const disk = { owner: rig.owner('Volume', gone), sizeBytes: rig.subject.diskBytes };
      await refusal(rig.disk.ensure(await rig.on('disk', { epoch: 5 }), disk, rig.signal), 'FAILED_PRECONDITION', 'TOMBSTONED');
    },
  },
  {
    title: 'sessions of a dead process are SESSION_UNKNOWN in the next',
    hook: 'restart',
    async run(rig) {
      const context = await rig.look('machine');
      await rig.subject.restart?.();
      rig.forget();
      await refusal(rig.machine.list(context, rig.signal), 'UNAVAILABLE', 'SESSION_UNKNOWN');
    },
  },
  {
    title: 'a watch ends with its process, and the next begins with RESYNC',
    hook: 'restart',
    async run(rig) {
      const types: string[] = [];
      const read = async (): Promise<void> => {
        for await (const event of rig.driver.watch(rig.signal)) types.push(event.type);
      };
      const reading = read();
      await eventually(
        rig.subject,
        async () => types.length,
        (count) => count > 0,
        rig.signal,
      );
      await rig.subject.restart?.();
      rig.forget();
      await reading;
      const ending = new AbortController();
      for await (const { type } of rig.driver.watch(ending.signal)) {
        expect(type).toBe('RESYNC');
        ending.abort(new Error('seen'));
      }
    },
  },
  {
    title: 'an operation outlives the process',
    capability: 'disk.import',
    hook: 'restart',
    async run(rig) {
      const uid = rig.uid();
      const { name: image, sizeBytes } = rig.subject.image;
      const disk = { owner: rig.owner('Volume', uid), sizeBytes, image, operationId: uid };
      await rig.disk.import(await rig.on('disk'), disk, rig.signal);
      await rig.subject.restart?.();
      rig.forget();
      const context = await rig.on('disk');
      const look = () => rig.operation.get(context, uid, rig.signal);
      expect((await eventually(rig.subject, look, (seen) => seen?.state !== 'running', rig.signal))?.state).toBe('succeeded');
      expect((await rig.disk.get(context, uid, rig.signal))?.sizeBytes).toBe(sizeBytes);
      await rig.disk.delete(context, uid, rig.signal);
    },
  },
  {
    title: 'a stop that had begun ends although the process was killed',
    hook: 'restart',
    async run(rig) {
      const { id } = await rig.newRunning();
      await rig.machine.stop(await rig.on('machine', EPOCH), id, { mode: 'graceful', deadlineMs: 2000 }, rig.signal);
      await rig.subject.restart?.();
      rig.forget();
      expect(await rig.machineOnce(id, (machine) => machine?.power === 'stopped')).toMatchObject({ stopCause: 'requested' });
    },
  },
];
