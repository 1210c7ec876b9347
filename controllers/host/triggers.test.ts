import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { hostObject } from '../../test/cloud-objects.ts';
import { watch } from '../../test/woken.ts';
import { hostController } from './controller.ts';

function machineAs(name: string, hostId: string | undefined, version: number): Host {
  const host = hostObject(name, { pod: 'p-0' }, { version });
  return { ...host, status: { ...host.status, ...(hostId !== undefined && { hostId }) } };
}

describe('A host is woken', () => {
  test('when another object for the same machine is seen to be that, is another machine, or goes', () => {
    const { world, woken } = watch((views) => hostController({ views, client: {} as never, sessions: {} as never, clock: {} as never }));
    world.hosts.put(machineAs('older', undefined, 1));
    world.hosts.put(machineAs('younger', 'm-1', 2));
    expect(woken()).toEqual([]);
    world.hosts.put(machineAs('older', 'm-1', 3));
    expect(woken()).toEqual(['younger']);
    world.hosts.put(machineAs('older', 'm-2', 4));
    expect(woken()).toEqual(['younger']);
    world.hosts.put(machineAs('older', 'm-1', 5));
    expect(woken()).toEqual(['younger']);
    world.hosts.drop({ name: 'older' });
    expect(woken()).toEqual(['younger']);
  });
});
