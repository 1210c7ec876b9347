import { hostObject, machineObject, poolObject, readyAs, scheduled, volumeObject } from '../../test/cloud-objects.ts';
import { watch, type Watched } from '../../test/woken.ts';
import { volumeController } from './controller.ts';

const zonal = { scope: { zone: 'z-0' } };
const lacks = { conditions: [readyAs('False', 'PoolFull')] };
const fine = { pool: 'p', volumeId: 'd', conditions: [readyAs('True', 'AsDeclared')] };

function volumes(): Watched {
  const watched = watch((views) => volumeController({ views, client: {} as never, sessions: {} as never }));
  watched.world.pools.put(poolObject('p', zonal));
  watched.woken();
  return watched;
}

describe('A volume that waits for room is woken', () => {
  const waiting = (): Watched => {
    const watched = volumes();
    const { world, woken } = watched;
    world.volumes.put(volumeObject('named', { storagePool: 'p' }, lacks));
    world.volumes.put(volumeObject('any', { poolSelector: {} }, { conditions: [readyAs('False', 'NoPoolMatches')] }));
    world.volumes.put(volumeObject('grows', { storagePool: 'p', size: '90Gi' }, { ...fine, ...lacks }));
    world.volumes.put(volumeObject('fine', { storagePool: 'p' }, fine));
    world.volumes.put(volumeObject('elsewhere', { storagePool: 'q' }, lacks));
    woken();
    return watched;
  };
  const ALL = ['any', 'grows', 'named'];

  test('when a claim is withdrawn that the pool has never said anything of', () => {
    const { world, woken } = waiting();
    world.volumes.put(volumeObject('rival', { storagePool: 'p' }, { pool: 'p' }, { version: 1 }));
    expect(woken()).toEqual([]);
    world.volumes.put(volumeObject('rival', { storagePool: 'p' }, {}, { version: 2 }));
    expect(woken()).toEqual(ALL);
  });

  test('when a volume goes, or is to grow less than it was', () => {
    const { world, woken } = waiting();
    world.volumes.put(volumeObject('rival', { storagePool: 'p', size: '30Gi' }, { pool: 'p' }, { version: 1 }));
    world.volumes.put(volumeObject('rival', { storagePool: 'p', size: '20Gi' }, { pool: 'p' }, { version: 2 }));
    expect(woken()).toEqual(ALL);
    world.volumes.put(volumeObject('rival', { storagePool: 'p', size: '20Gi' }, fine, { version: 3 }));
    expect(woken()).toEqual([]);
    world.volumes.drop({ namespace: 'default', name: 'rival' });
    expect(woken()).toEqual(ALL);
  });

  test('when its pool has other labels, or another capacity, also where another pool was looked for', () => {
    const { world, woken } = waiting();
    world.pools.put(poolObject('p', zonal, { capacity: '1Ti' }, { version: 2 }));
    expect(woken()).toEqual(['any', 'fine', 'grows', 'named']);
    world.pools.put(poolObject('new', zonal, {}, { labels: { tier: 'fast' } }));
    expect(woken()).toEqual(['any']);
  });
});

describe('A volume is woken', () => {
  test('when the host of its pool takes new work again, and is as declared otherwise', () => {
    const { world, woken } = volumes();
    world.pools.put(poolObject('local', { scope: { host: 'h-0' } }));
    world.volumes.put(volumeObject('waits', { storagePool: 'local' }, { conditions: [readyAs('False', 'PoolDisabled')] }));
    world.volumes.put(volumeObject('is-there', { storagePool: 'local' }, { ...fine, pool: 'local' }));
    woken();
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }, { version: 2, generation: 2 }));
    expect(woken()).toEqual(['waits']);
  });

  test('when the disk that it is to take in comes into its pool, or is handed back there', () => {
    const { world, woken } = volumes();
    world.volumes.put(volumeObject('takes', { storagePool: 'p', adopt: 'old' }, { pool: 'p' }));
    world.volumes.put(volumeObject('has', { storagePool: 'p', adopt: 'older' }, fine));
    woken();
    const unmanaged = [{ kind: 'Disk', id: 'old', name: 'old', why: 'foreign' }];
    world.pools.put(poolObject('p', zonal, { unmanaged }, { version: 2 }));
    expect(woken()).toEqual(['takes']);
  });

  test('when the guest of its VM shuts itself down: it may be grown then', () => {
    const { world, woken } = volumes();
    world.volumes.put(volumeObject('data', { storagePool: 'p' }, fine));
    const says = (reason: string, version: number): void => {
      const conditions = [readyAs('True', reason), scheduled('True')];
      const disks = [{ name: 'data', volume: 'data' }];
      world.machines.put(machineObject('vm', { disks }, { host: 'h-0', placementEpoch: 1, conditions }, { version }));
    };
    says('Running', 1);
    woken();
    says('Running', 2);
    expect(woken()).toEqual([]);
    says('GuestShutdown', 3);
    expect(woken()).toEqual(['data']);
  });

  test('when its VM is done, or gives up, for then it says that it has it', () => {
    const { world, woken } = volumes();
    world.volumes.put(volumeObject('data', { storagePool: 'p' }, fine));
    const disks = [{ name: 'data', volume: 'data' }];
    const says = (moves: boolean, version: number): void => {
      const ready = readyAs('False', 'Starting');
      const conditions = [
        ready,
        scheduled('True'),
        ...(moves ? [{ ...ready, type: 'Reconciling' as const, status: 'True' as const }] : []),
      ];
      world.machines.put(
        machineObject('vm', { disks }, { host: 'h-0', placementEpoch: 1, powerState: 'Running', conditions }, { version }),
      );
    };
    says(true, 1);
    woken();
    says(true, 2);
    expect(woken()).toEqual([]);
    says(false, 3);
    expect(woken()).toEqual(['data']);
  });
});
