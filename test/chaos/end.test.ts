import { VolumeFields } from '../../apis/storage/v1alpha1/volume/schema.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import { openWorld, type World } from '../../drivers/sim/world.ts';
import { hostObject, machineObject } from '../cloud-objects.ts';
import { leaks, untrue } from './end.ts';

const NOW_MS = 5000;
const description = { cpus: 1, memoryBytes: 1, disks: [], interfaces: [] };
const HOSTS = ['host-1', 'host-2'].map((name): ApiObject => {
  const host = hostObject(name, { pod: 'rack-1' });
  return { ...host, status: { ...host.status, observedGeneration: 1 } };
});

function saying(status: string, reason: string): { readonly conditions: readonly object[] } {
  return { conditions: [{ type: 'Ready', status, reason, message: 'so', lastTransitionTime: '2026-01-01T00:00:00Z' }] };
}

function vm(spec: object = {}, status: object = {}): ApiObject {
  const ready = { ...saying('True', 'Running'), powerState: 'Running', host: 'host-1', observedGeneration: 1, ...status };
  return machineObject('vm', spec, ready, { uid: 'vm' });
}

function volume(spec: object = {}, status: object = {}): ApiObject {
  const ready = { ...saying('True', 'AsDeclared'), volumeId: 'disk', observedGeneration: 1, ...status };
  const { metadata } = vm();
  const fields = VolumeFields.parse({ spec: { storagePool: 'pool', size: '1Gi', ...spec }, status: ready });
  return { apiVersion: 'v', kind: 'Volume', metadata: { ...metadata, name: 'disk', uid: 'disk' }, ...fields };
}

/** A world with a machine that runs on each of these hosts, and a disk of so many bytes. */
function world(hosts: readonly string[], bytes?: number): World {
  const made = openWorld(':memory:', () => NOW_MS);
  for (const host of hosts) made.put('machines', `uid-${host}`, 'vm', { id: 'vm', description, active: description });
  if (bytes !== undefined) made.put('disks', 'uid-pool', 'disk', { id: 'disk', sizeBytes: bytes });
  return made;
}

const amiss = (objects: readonly ApiObject[], of: World): readonly string[] => leaks([...HOSTS, ...objects], [of], NOW_MS);

test('what is as declared is nothing to tell of', () => {
  expect(untrue([...HOSTS, vm(), volume()])).toEqual([]);
  expect(amiss([vm(), volume()], world(['host-1'], 2 ** 30))).toEqual([]);
});

test.each([
  ['another reason than a true one', vm({}, saying('False', 'Preparing')), 'VirtualMachine default/vm is not Ready: Preparing, so'],
  [
    'no room, where there is',
    vm({ cpus: 16 }, saying('False', 'Unschedulable')),
    'VirtualMachine default/vm is not Ready: Unschedulable, so',
  ],
  [
    'a volume that is there',
    vm({ disks: [{ name: 'd', volume: 'disk' }] }, saying('False', 'VolumeNotFound')),
    expect.stringContaining('VolumeNotFound'),
  ],
  ['what was before it changed', vm({}, { observedGeneration: 0 }), 'VirtualMachine default/vm was not looked at'],
  ['that nobody can tell', vm({}, saying('Unknown', 'HostUnreachable')), expect.stringContaining('HostUnreachable')],
])('an object that tells of %s is found', (_, object, says) => {
  expect(untrue([...HOSTS, volume(), object])).toEqual([says]);
});

test('an object that can never be as declared may say why, where it is so', () => {
  const objects = [
    vm({ cpus: 17 }, saying('False', 'Unschedulable')),
    vm({ disks: [{ name: 'd', volume: 'nowhere' }] }, saying('False', 'VolumeNotFound')),
    volume({ storagePool: 'nowhere' }, saying('False', 'StoragePoolNotFound')),
  ];
  expect(untrue([...HOSTS, ...objects])).toEqual([]);
});

test('an object that does not go is found', () => {
  const object = vm();
  const leaving = { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  expect(untrue([leaving])).toEqual(['VirtualMachine default/vm does not go']);
});

test.each([
  [
    'a second copy',
    [vm()],
    world(['host-1', 'host-2']),
    ['VirtualMachine default/vm has machines on host-1, host-2', expect.stringContaining('runs on host-1, host-2')],
  ],
  ['a copy elsewhere', [vm()], world(['host-2']), ['VirtualMachine default/vm runs on host-2 and should on host-1']],
  ['no copy', [vm()], world([]), ['VirtualMachine default/vm runs on no host and should on host-1']],
  ['one that should stand still', [vm({ running: false })], world(['host-1']), [expect.stringContaining('should on none')]],
  ['a machine of nobody', [], world(['host-1']), ['the machine vm on host-1 is nobody’s']],
  ['a disk of nobody', [], world([], 1), ['the disk disk is nobody’s']],
  ['a disk that is gone', [volume()], world([]), ['Volume default/disk has 0 disks']],
  ['a disk of another size', [volume()], world([], 1), ['the disk of Volume default/disk has 1 bytes and should have 1073741824']],
])('%s in the world is found', (_, objects, of, says) => {
  expect(amiss(objects, of)).toEqual(says);
});
