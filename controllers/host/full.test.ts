import { because, isReady, openDeclaredCloud, PATHS, saidOf, type DeclaredCloud } from '../../test/declared-cloud.ts';

let cloud: DeclaredCloud;

beforeEach(async () => {
  cloud = await openDeclaredCloud({ hosts: 2 });
}, 20_000);

afterEach(async () => {
  await cloud.close();
});

const PACKED = { placement: { strategy: 'Pack' } };

test('on a host that is nearly full what runs runs on, nothing new is placed, and that is told; with room again it takes VMs', async () => {
  const host = await cloud.runVm('vm-1', PACKED);
  const uses = (storageUsed: string): Promise<void> =>
    cloud.patch(PATHS.host(host), { driver: { name: 'sim', config: { storage: '100Gi', storageUsed } } });
  await uses('91Gi');
  await cloud.until(
    PATHS.host(host),
    'nearly full',
    (object) => isReady(object) && because('NearlyFull')(object) && because('NearlyFull', 'Full')(object),
  );
  const other = await cloud.runVm('vm-2', PACKED);
  expect(other).not.toBe(host);
  expect([cloud.runningOn('vm-1'), cloud.calls('machine.stop')]).toEqual([[host], 0]);
  expect(await cloud.reasonsOf(host)).toContain('NearlyFull');
  await cloud.patch(PATHS.host(other), { allocation: 'Cordoned' });
  const path = '/apis/compute.lenticular.dev/v1alpha1/namespaces/default/virtualmachines';
  await cloud.declare(path, 'VirtualMachine', 'vm-3', { cpus: 1, memory: '1Gi' });
  const waits = await cloud.until(PATHS.vm('vm-3'), 'waiting', because('Unschedulable'));
  expect(saidOf(waits).conditions.find(({ type }) => type === 'Ready')?.message).toMatch(/1 is nearly full/);
  await uses('10Gi');
  expect(saidOf(await cloud.until(PATHS.vm('vm-3'), 'running', isReady)).host).toBe(host);
}, 40_000);
