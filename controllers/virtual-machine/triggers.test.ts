import { machineObject, volumeObject } from '../../test/cloud-objects.ts';
import { watch } from '../../test/woken.ts';
import { virtualMachineController } from './controller.ts';

test('A VM is woken by a claim for it on a volume that it does not list any more: its host is to hear of that', () => {
  const { world, woken } = watch((views) =>
    virtualMachineController({ views, client: {} as never, sessions: {} as never, clock: {} as never }),
  );
  const placed = { host: 'h-0', placementEpoch: 1 };
  world.machines.put(machineObject('vm', {}, placed));
  world.volumes.put(volumeObject('data', { storagePool: 'p' }, {}, { version: 1 }));
  expect(woken()).toEqual([]);
  const claim = { virtualMachine: 'vm', uid: 'uid-vm', ...placed };
  world.volumes.put(volumeObject('data', { storagePool: 'p' }, { claim }, { version: 2 }));
  expect(woken()).toEqual(['vm']);
});
