import { hostObject, poolObject, readyAs } from '../../test/cloud-objects.ts';
import { watch } from '../../test/woken.ts';
import { podController } from '../pod/controller.ts';
import { zoneController } from './controller.ts';

test.each([
  { kind: 'zone', name: 'z-0', make: (views: Parameters<typeof podController>[0]['views']) => zoneController({ views, identity: 'me' }) },
  { kind: 'pod', name: 'p-0', make: (views: Parameters<typeof podController>[0]['views']) => podController({ views }) },
])('A $kind is woken by what it sums up of hosts and pools, and not by their words', ({ name, make }) => {
  const { world, woken } = watch(make);
  const say = (version: number, reason: string, message: string): void => {
    const host = hostObject('h-0', { pod: 'p-0' }, { version });
    const conditions = [{ ...readyAs('Unknown', reason), message }] as typeof host.status.conditions;
    world.hosts.put({ ...host, status: { ...host.status, conditions } });
  };
  say(2, 'DriverUnreachable', 'no route');
  expect(woken()).toEqual([name]);
  say(3, 'DriverUnreachable', 'connection refused');
  expect(woken()).toEqual([]);
  say(4, 'Suspect', 'connection refused');
  expect(woken()).toEqual([name]);
  const hold = (version: number, status: object): void => {
    world.pools.put(poolObject('p', { scope: { pod: 'p-0' } }, status, { version }));
  };
  hold(1, { capacity: '1Ti', provisioned: '0' });
  expect(woken()).toEqual([name]);
  hold(2, { capacity: '1Ti', provisioned: '0', used: '10Gi' });
  expect(woken()).toEqual([]);
  hold(3, { capacity: '1Ti', provisioned: '10Gi', used: '10Gi' });
  expect(woken()).toEqual([name]);
});
