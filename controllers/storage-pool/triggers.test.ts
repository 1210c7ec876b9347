import { hostObject, podObject, poolObject, volumeObject, zoneObject } from '../../test/cloud-objects.ts';
import { watch, type Watched } from '../../test/woken.ts';
import { storagePoolController } from './controller.ts';

/** Pools of a zone, of a pod in it, of a host in that, and one elsewhere. */
function pools(): Watched {
  const watched = watch((views) => storagePoolController({ views, client: {} as never, sessions: {} as never }));
  const { world, woken } = watched;
  world.pools.put(poolObject('of-zone', { scope: { zone: 'z-0' } }));
  world.pools.put(poolObject('of-pod', { scope: { pod: 'p-0' } }));
  world.pools.put(poolObject('of-host', { scope: { host: 'h-0' } }));
  world.pools.put(poolObject('elsewhere', { scope: { zone: 'z-1' } }));
  woken();
  return watched;
}

describe('A pool is woken', () => {
  test('by a change of anything that it is in, however far up', () => {
    const { world, woken } = pools();
    world.zones.put(zoneObject('z-0', { allocation: 'Disabled' }, { generation: 2 }));
    expect(woken()).toEqual(['of-host', 'of-pod', 'of-zone']);
    world.pods.put(podObject('p-0', { zone: 'z-0', allocation: 'Cordoned' }, { generation: 2 }));
    expect(woken()).toEqual(['of-host', 'of-pod']);
    world.hosts.put(hostObject('h-0', { pod: 'p-0' }, { generation: 2 }));
    expect(woken()).toEqual(['of-host']);
  });

  test('when what it is in comes after it, in whatever order', () => {
    const { world, woken } = pools();
    world.pods.drop({ name: 'p-0' });
    expect(woken()).toEqual(['of-host', 'of-pod']);
    world.pods.put(podObject('p-0', { zone: 'z-0' }, { uid: 'again' }));
    expect(woken()).toEqual(['of-host', 'of-pod']);
    world.zones.drop({ name: 'z-0' });
    world.zones.put(zoneObject('z-0', {}, { uid: 'again' }));
    expect(woken()).toEqual(['of-host', 'of-pod', 'of-zone']);
  });

  test('by a volume that comes, is placed, grows or goes, and not by what is only said of it', () => {
    const { world, woken } = pools();
    const put = (version: number, status: object): void => world.volumes.put(volumeObject('v', { poolSelector: {} }, status, { version }));
    put(1, {});
    expect(woken()).toEqual([]);
    put(2, { pool: 'of-zone' });
    expect(woken()).toEqual(['of-zone']);
    put(3, { pool: 'of-zone', progressPercent: 10 });
    expect(woken()).toEqual([]);
    put(4, { pool: 'of-zone', size: '20Gi' });
    expect(woken()).toEqual(['of-zone']);
    world.volumes.drop({ namespace: 'default', name: 'v' });
    expect(woken()).toEqual(['of-zone']);
  });
});
