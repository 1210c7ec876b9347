import { VirtualMachineFields } from '../../apis/compute/v1alpha1/virtual-machine/schema.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { MachineDoc } from '../../drivers/sim/documents.ts';
import type { Effect } from '../../drivers/sim/journal.ts';
import { createJudge, type Judge } from './judge.ts';

const description = { cpus: 1, memoryBytes: 1, disks: [], interfaces: [] };
const seen = { incarnation: 1, generation: 1, placementEpoch: 1 };
const STOPPED: MachineDoc = {
  ...{ id: 'vm', name: 'vm', released: false, description, bootedMs: 0, lastCause: 'never-started' },
  ...{ drift: [], seen },
};
const RUNNING: MachineDoc = { ...STOPPED, active: description };
/** From 2000 on it stops, and at 3000 it stands still. */
const STOPPING: MachineDoc = { ...RUNNING, stop: { beganMs: 2000, endsMs: 3000, cause: 'requested' } };
const DISK = { id: 'disk' };

interface Planted {
  readonly judge: Judge;
  plant(call: string, doc: object | undefined, how?: Partial<Effect> & { readonly epoch?: number; readonly generation?: number }): void;
  declare(uid: string, spec?: object, generation?: number, leaving?: boolean): void;
  says(): readonly string[];
}

function planted(): Planted {
  const judge = createJudge();
  let seq = 0;
  return {
    judge,
    plant(call, doc, { epoch = 1, generation = 1, ...how } = {}) {
      seq += 1;
      const kind = call.startsWith('disk.') ? 'disks' : 'machines';
      const fence = { installation: 'i', shard: 'zone-1', incarnation: 1, epoch, generation, placementEpoch: 1 };
      const uid = kind === 'disks' ? 'disk' : 'vm';
      judge.see('zone-1', { seq, atMs: seq * 1000, kind, place: 'h1', uid, doc, call, fence, ...how });
    },
    declare(uid, spec = {}, generation = 1, leaving = false) {
      const deleted = leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
      const metadata = { name: uid, uid, generation, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...deleted };
      const fields = VirtualMachineFields.parse({ spec: { cpus: 1, memory: '1Gi', ...spec } });
      judge.learn({ apiVersion: 'v', kind: 'VirtualMachine', metadata, ...fields } satisfies ApiObject);
    },
    says: () => judge.violations.map(({ atMs, uid, says }) => `${atMs} ${uid}: ${says}`),
  };
}

/** A VM that is declared, made and started. */
function running(): Planted {
  const world = planted();
  world.declare('vm');
  world.plant('machine.ensure', STOPPED);
  world.plant('machine.start', RUNNING);
  return world;
}

test('a life as it should be breaks nothing, and is counted', () => {
  const world = running();
  world.declare('vm', { running: false }, 2);
  world.plant('machine.stop', { ...STOPPING, stop: { beganMs: 3000, endsMs: 3500, cause: 'requested' } }, { generation: 2, epoch: 2 });
  world.plant('machine.delete', undefined, { generation: 2, epoch: 2 });
  world.plant('machine.ensure', STOPPED, { place: 'h2', generation: 3, epoch: 2 });
  world.plant('machine.start', RUNNING, { place: 'h2', generation: 3, epoch: 2 });
  expect(world.says()).toEqual([]);
  expect(Object.fromEntries(world.judge.counts)).toEqual({ make: 2, start: 2, stop: 1, delete: 1 });
});

test('a machine that runs twice is found', () => {
  const world = running();
  world.plant('machine.start', RUNNING, { place: 'h2' });
  expect(world.says()).toEqual(['3000 vm: the machine vm runs twice: on h2 and h1: machine.start (epoch 1, generation 1)']);
});

test('a machine that is started elsewhere while it still stops is found, and not once it stands still', () => {
  const world = running();
  world.declare('vm', { running: false }, 2);
  world.plant('machine.stop', STOPPING, { atMs: 2000, generation: 2 });
  world.plant('machine.start', RUNNING, { place: 'h2', atMs: 2999 });
  world.plant('machine.delete', undefined, { place: 'h2', atMs: 3000, generation: 2 });
  world.plant('machine.start', RUNNING, { place: 'h3', atMs: 3001 });
  expect(world.judge.violations.filter(({ says }) => says.includes('twice')).map(({ atMs }) => atMs)).toEqual([2999]);
});

test.each([
  ['stopped', STOPPING],
  ['switched off', STOPPED],
  ['taken away', undefined],
])('a running machine that is %s, and should run, is found', (_, doc) => {
  const world = running();
  world.plant('machine.stop', doc, { generation: 1 });
  expect(world.says()).toEqual([
    '3000 vm: the machine vm on h1 was stopped, and nobody asked for it: machine.stop (epoch 1, generation 1)',
  ]);
});

test('a stop that was decided by what the user has taken back is the user’s, one that was not is not', () => {
  const world = running();
  world.declare('vm', { running: false }, 2);
  world.declare('vm', {}, 3);
  world.plant('machine.stop', STOPPED, { generation: 2 });
  expect(world.says()).toEqual([]);
  world.plant('machine.start', RUNNING, { generation: 3 });
  world.plant('machine.stop', STOPPED, { generation: 3 });
  expect(world.says()).toHaveLength(1);
});

test('a restart and a deletion are the user’s stops, a crash is nobody’s', () => {
  const world = running();
  world.declare('vm', { restartToken: 'again' }, 2);
  world.plant('machine.stop', STOPPED, { generation: 2 });
  world.plant('machine.start', RUNNING, { generation: 2 });
  world.plant('', STOPPED, { fence: undefined });
  world.plant('machine.start', RUNNING, { generation: 2 });
  world.declare('vm', { restartToken: 'again' }, 3, true);
  world.plant('machine.stop', STOPPED, { generation: 3 });
  expect(world.says()).toEqual([]);
});

test('a machine of which nothing was ever declared is not to be stopped', () => {
  const world = planted();
  world.plant('machine.start', RUNNING);
  world.plant('machine.stop', STOPPED);
  expect(world.says()).toHaveLength(1);
});

test('an effect of an old epoch is found, whatever it is, and however the newer one was heard of', () => {
  const world = running();
  world.plant('session.open', { incarnation: 1, epoch: 3 }, { kind: 'shards', uid: 'zone-1', fence: undefined });
  world.plant('machine.ensure', RUNNING, { epoch: 2 });
  expect(world.says()).toEqual(['4000 vm: epoch 2 of shard zone-1 had an effect after epoch 3: machine.ensure (epoch 2, generation 1)']);
  world.plant('session.open', { incarnation: 1, epoch: 1 }, { kind: 'shards', uid: 'zone-1', fence: undefined });
  expect(world.says()).toHaveLength(2);
  world.plant('session.open', { incarnation: 2, epoch: 1 }, { kind: 'shards', uid: 'zone-1', fence: undefined });
  expect(world.says()).toHaveLength(2);
});

test('a disk that is deleted is found unless its volume was', () => {
  const world = planted();
  world.declare('disk');
  world.plant('disk.ensure', DISK);
  world.plant('disk.delete', undefined);
  expect(world.says()).toEqual([
    '2000 disk: the disk disk in h1 was deleted, and nobody deleted its volume: disk.delete (epoch 1, generation 1)',
  ]);
  world.plant('disk.ensure', DISK);
  world.declare('disk', {}, 2, true);
  world.judge.forget('disk');
  world.plant('disk.delete', undefined);
  expect(world.says()).toHaveLength(1);
});

test('a hole in a journal is found', () => {
  const world = running();
  world.plant('machine.ensure', RUNNING, { seq: 9 });
  expect(world.says()).toEqual(['3000 vm: the journal of zone-1 has a hole from 2 to 9: machine.ensure (epoch 1, generation 1)']);
});
