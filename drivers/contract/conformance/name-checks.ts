import { expect } from 'expect';
import type { MachineSpec } from '../machine.ts';
import type { Check } from './check.ts';
import { refusal } from './rig.ts';
import type { Rig } from './rig.ts';

const HOSTILE = [
  '',
  '..',
  '../escape',
  '/etc/passwd',
  'a/b',
  'a\\b',
  'a\0b',
  'a\nb',
  '.hidden',
  '-option',
  'a b',
  'A',
  'ü',
  'file:x',
  'a'.repeat(500),
];

async function refusesSpec(rig: Rig, over: Partial<MachineSpec>): Promise<void> {
  const [uid, context] = [rig.uid(), await rig.on('machine', { placementEpoch: 1 })];
  const { metadata } = await refusal(rig.machine.ensure(context, rig.spec(uid, over), rig.signal), 'INVALID_ARGUMENT', 'FIELD_INVALID');
  expect(metadata.field).toMatch(/./);
  expect(await rig.machine.get(context, uid, rig.signal)).toBeUndefined();
}

/** What may be a name, and what must not reach an engine or a folder. */
export const nameChecks: readonly Check[] = [
  {
    title: 'names at their maximum length work',
    async run(rig) {
      const uid = `${rig.uid()}-`.padEnd(63, 'u');
      const owner = { ...rig.owner('VirtualMachine', uid), name: 'n'.repeat(253), namespace: 's'.repeat(63) };
      const machine = await rig.machine.ensure(await rig.on('machine', { placementEpoch: 1 }), rig.spec(uid, { owner }), rig.signal);
      expect(machine.owner).toEqual(owner);
      const disk = { ...rig.owner('Volume', uid), name: 'n'.repeat(253), namespace: 's'.repeat(63) };
      const context = await rig.on('disk');
      const { diskBytes: sizeBytes } = rig.subject;
      expect((await rig.disk.ensure(context, { owner: disk, sizeBytes }, rig.signal)).owner).toEqual(disk);
      await rig.disk.delete(context, uid, rig.signal);
    },
  },
  {
    title: 'Unicode in user data, causes and traces is taken as it is',
    capability: 'machine.user-data',
    async run(rig) {
      const [uid, context] = [rig.uid(), await rig.on('machine', { placementEpoch: 1 })];
      const spec = rig.spec(uid, { userData: '#cloud-config\nhostname: Zürich-雲-🌥\n' });
      const machine = await rig.machine.ensure({ ...context, cause: 'Grüße-雲', trace: '雲.1' }, spec, rig.signal);
      expect(await rig.machine.ensure({ ...context, cause: 'Grüße-雲', trace: '雲.1' }, spec, rig.signal)).toEqual(machine);
    },
  },
  {
    title: 'a hostile uid is refused by every call that takes one',
    async run(rig) {
      const machine = await rig.on('machine', { placementEpoch: 1 });
      const disk = await rig.on('disk');
      const hostId = await rig.hostId();
      for (const uid of HOSTILE) {
        const calls = [
          () => rig.machine.ensure(machine, { ...rig.spec('x'), owner: rig.owner('VirtualMachine', uid) }, rig.signal),
          () => rig.machine.start(machine, uid, rig.signal),
          () => rig.machine.delete(machine, uid, rig.signal),
          () => rig.machine.get(machine, uid, rig.signal),
          () => rig.disk.ensure(disk, { owner: rig.owner('Volume', uid), sizeBytes: rig.subject.diskBytes }, rig.signal),
          () => rig.disk.delete(disk, uid, rig.signal),
          () => rig.disk.get(disk, uid, rig.signal),
          () => rig.disk.publish(disk, { uid, hostId }, rig.signal),
        ];
        for (const call of calls) await refusal(call(), 'INVALID_ARGUMENT', 'FIELD_INVALID');
      }
    },
  },
  {
    title: 'a hostile name, namespace or kind in a tag is refused',
    async run(rig) {
      for (const name of HOSTILE.filter((hostile) => hostile !== '')) {
        const owner = rig.owner('VirtualMachine', rig.uid());
        await refusesSpec(rig, { owner: { ...owner, name } });
        await refusesSpec(rig, { owner: { ...owner, namespace: name } });
        if (name !== 'A') await refusesSpec(rig, { owner: { ...owner, kind: name } });
      }
    },
  },
  {
    title: 'a kernel and an initial RAM disk are bare names',
    capability: 'machine.boot-kernel',
    async run(rig) {
      for (const name of HOSTILE) {
        await refusesSpec(rig, { boot: { kernel: name } });
        await refusesSpec(rig, { boot: { kernel: 'vmlinuz', initrd: name } });
      }
      for (const cmdline of ['a\nb', 'a\0b', 'ü', 'x'.repeat(2049)]) await refusesSpec(rig, { boot: { kernel: 'vmlinuz', cmdline } });
    },
  },
  {
    title: 'an image is a bare name',
    capability: 'disk.import',
    async run(rig) {
      const context = await rig.on('disk');
      for (const image of HOSTILE) {
        const uid = rig.uid();
        const disk = { owner: rig.owner('Volume', uid), sizeBytes: rig.subject.image.sizeBytes, image, operationId: uid };
        await refusal(rig.disk.import(context, disk, rig.signal), 'INVALID_ARGUMENT', 'FIELD_INVALID');
      }
    },
  },
  {
    title: 'a hostile operation id is refused',
    async run(rig) {
      const context = await rig.on('disk');
      for (const id of HOSTILE.filter((hostile) => hostile !== 'A' && hostile !== 'file:x')) {
        await refusal(rig.operation.get(context, id, rig.signal), 'INVALID_ARGUMENT', 'FIELD_INVALID');
        await refusal(rig.operation.cancel(context, id, rig.signal), 'INVALID_ARGUMENT', 'FIELD_INVALID');
      }
    },
  },
  {
    title: "a machine's parts have proper names, each once",
    async run(rig) {
      const mac = '02:00:00:00:00:01';
      for (const name of HOSTILE) await refusesSpec(rig, { interfaces: [{ name, mac, mode: 'user' }] });
      const nic = { name: 'net', mac, mode: 'user' } as const;
      await refusesSpec(rig, { interfaces: [nic, nic] });
      for (const wrong of ['', '02:00:00:00:00', '02:00:00:00:00:0G', '02-00-00-00-00-01', `${mac}\n`]) {
        await refusesSpec(rig, { interfaces: [{ ...nic, mac: wrong }] });
      }
    },
  },
  {
    title: 'a disk that is told by an unknown protocol is refused',
    async run(rig) {
      for (const protocol of ['no-such-protocol', '../x', '']) {
        await refusesSpec(rig, { disks: [{ name: 'd', uid: 'd', readOnly: false, connection: { protocol, attributes: {} } }] });
      }
    },
  },
  {
    title: 'sizes and counts that make no sense are refused',
    async run(rig) {
      for (const cpus of [0, -1, 100_000]) await refusesSpec(rig, { cpus });
      for (const memoryBytes of [0, -1, 2 ** 52]) await refusesSpec(rig, { memoryBytes });
      const context = await rig.on('disk');
      for (const sizeBytes of [0, -1, 2 ** 52]) {
        await refusal(rig.disk.ensure(context, { owner: rig.owner('Volume', rig.uid()), sizeBytes }, rig.signal), 'INVALID_ARGUMENT');
      }
    },
  },
  {
    title: 'a fence without a caller, or with negative counts, is refused',
    async run(rig) {
      const { id } = await rig.newMachine();
      for (const over of [{ installation: '' }, { shard: '' }, { epoch: -1 }, { generation: -1 }, { shard: '../x' }]) {
        await refusal(rig.machine.start(await rig.on('machine', over), id, rig.signal), 'INVALID_ARGUMENT');
      }
    },
  },
  {
    title: 'what a driver has not declared is UNIMPLEMENTED',
    async run(rig) {
      const capabilities: readonly string[] = await rig.driver.identity.getCapabilities(rig.signal);
      const { id } = await rig.newMachine();
      const [context, disks] = [await rig.on('machine', { placementEpoch: 1 }), await rig.on('disk')];
      const [uid, sizeBytes, operationId] = [rig.uid(), rig.subject.diskBytes, rig.uid()];
      const nic = { name: 'net', mac: '02:00:00:00:00:01', mode: 'bridge', bridge: 'br0' } as const;
      const disk = { name: 'd', uid, readOnly: false, connection: { protocol: 'file', attributes: {} } };
      const owner = rig.owner('Volume', uid);
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        'machine.attach-disk': () => rig.machine.attachDisk(context, id, disk, rig.signal),
        'machine.grow-disk': () => rig.machine.growDisk(context, id, { uid, sizeBytes }, rig.signal),
        'machine.user-data': () => rig.machine.ensure(context, rig.spec(rig.uid(), { userData: 'x' }), rig.signal),
        'machine.boot-kernel': () => rig.machine.ensure(context, rig.spec(rig.uid(), { boot: { kernel: 'vmlinuz' } }), rig.signal),
        'machine.interface.user': () =>
          rig.machine.ensure(context, rig.spec(rig.uid(), { interfaces: [{ name: 'n', mac: nic.mac, mode: 'user' }] }), rig.signal),
        'machine.interface.bridge': () => rig.machine.ensure(context, rig.spec(rig.uid(), { interfaces: [nic] }), rig.signal),
        'machine.adopt': () => rig.machine.adopt(context, { id, owner: rig.owner('VirtualMachine', uid), from: id }, rig.signal),
        'disk.adopt': () => rig.disk.adopt(disks, { id: rig.uid(), owner, from: '' }, rig.signal),
        'disk.import': () => rig.disk.import(disks, { owner, sizeBytes, image: 'x', operationId }, rig.signal),
        'disk.clone': () => rig.disk.clone(disks, { owner, sizeBytes, sourceUid: rig.uid(), operationId }, rig.signal),
      };
      for (const [capability, call] of Object.entries(calls)) {
        if (!capabilities.includes(capability)) await refusal(call(), 'UNIMPLEMENTED', 'CAPABILITY_MISSING');
      }
    },
  },
];
