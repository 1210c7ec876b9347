import { because, conditionIn, isReady, openDeclaredCloud, PATHS, saidOf, type DeclaredCloud } from '../../test/declared-cloud.ts';

const PACKED = { placement: { strategy: 'Pack' } };
const RESTART = { onMaintenance: 'Restart', ...PACKED };

let cloud: DeclaredCloud;

beforeEach(async () => {
  cloud = await openDeclaredCloud({ hosts: 2 });
}, 20_000);

afterEach(async () => {
  await cloud.close();
});

const maintain = (host: string, maintenance: boolean): Promise<void> => cloud.patch(PATHS.host(host), { maintenance });
const drained = (object: Parameters<typeof isReady>[0]): boolean => isReady(object) && because('InMaintenance')(object);

test('maintenance is blocked by name by a VM that may not be stopped, and leaves no trace when it is taken back', async () => {
  const host = await cloud.runVm('vm-1', PACKED);
  await maintain(host, true);
  const blocked = await cloud.until(PATHS.host(host), 'blocked', because('MaintenanceBlocked'));
  expect(conditionIn(blocked)?.message).toBe('default/vm-1 may not be stopped: spec.onMaintenance is Stay');
  expect(conditionIn(blocked, 'Maintenance')).toMatchObject({ status: 'False', reason: 'MaintenanceBlocked' });
  // Nothing new lands there, whatever it prefers.
  expect(await cloud.runVm('vm-2', PACKED)).not.toBe(host);
  await maintain(host, false);
  await cloud.until(PATHS.host(host), 'as declared', (object) => isReady(object) && because('AsDeclared')(object));
  expect(cloud.runningOn('vm-1')).toEqual([host]);
  expect(cloud.calls('machine.stop')).toBe(0);
}, 40_000);

test('VMs that may be restarted move, two at a time and gently, and those that stand still leave', async () => {
  const host = await cloud.runVm('vm-1', RESTART);
  for (const name of ['vm-2', 'vm-3', 'vm-4']) expect(await cloud.runVm(name, RESTART)).toBe(host);
  expect(await cloud.runVm('still', PACKED)).toBe(host);
  await cloud.patch(PATHS.vm('still'), { running: false });
  await cloud.until(PATHS.vm('still'), 'stopped', (object) => isReady(object) && because('Stopped')(object));
  let most = 0;
  const look = setInterval(() => {
    const halting = cloud
      .simHost(host)
      .machines.filter(({ power, stoppingSinceMs }) => power === 'stopped' || stoppingSinceMs !== undefined);
    most = Math.max(most, halting.filter(({ name }) => name !== 'still').length);
  }, 2);
  try {
    await maintain(host, true);
    await cloud.until(PATHS.host(host), 'drained', drained);
  } finally {
    clearInterval(look);
  }
  expect([1, 2]).toContain(most);
  for (const name of ['vm-1', 'vm-2', 'vm-3', 'vm-4']) {
    const moved = await cloud.until(PATHS.vm(name), 'running', (object) => isReady(object) && because('Running')(object));
    expect(saidOf(moved).host).not.toBe(host);
    await cloud.until(PATHS.volume(name), 'claimed there', (object) => saidOf(object).claim?.host === saidOf(moved).host);
  }
  const still = await cloud.until(PATHS.vm('still'), 'without a place', (object) => saidOf(object).host === undefined);
  expect(isReady(still)).toBe(true);
  expect(cloud.simHost(host).machines).toEqual([]);
  expect(cloud.mostCopies()).toBe(1);
  // Each was stopped once, by its guest.
  expect(cloud.calls('machine.stop')).toBe(5);
}, 60_000);

test('a VM that has nowhere to go runs on, and moves when there is room', async () => {
  const host = await cloud.runVm('vm-1', { ...RESTART, memory: '40Gi' });
  const other = ['host-1', 'host-2'].find((name) => name !== host) ?? '';
  await cloud.patch(PATHS.host(other), { allocation: 'Cordoned' });
  await cloud.until(PATHS.host(other), 'cordoned', (object) => conditionIn(object)?.message.startsWith('Cordoned') === true);
  await maintain(host, true);
  const blocked = await cloud.until(PATHS.host(host), 'blocked', because('MaintenanceBlocked'));
  expect(conditionIn(blocked)?.message).toBe('no other host has room for default/vm-1');
  const stays = await cloud.until(PATHS.vm('vm-1'), 'waiting', because('NoCapacity', 'Scheduled'));
  expect(conditionIn(stays)).toMatchObject({ status: 'True', reason: 'Running' });
  expect(conditionIn(stays)?.message).toContain('0 of 2 hosts fit');
  expect([cloud.calls('machine.stop'), ...cloud.runningOn('vm-1')]).toEqual([0, host]);
  await cloud.patch(PATHS.host(other), { allocation: 'Enabled' });
  await cloud.until(PATHS.host(host), 'drained', drained);
  await cloud.until(PATHS.vm('vm-1'), 'running there', (object) => isReady(object) && saidOf(object).host === other);
  expect(cloud.mostCopies()).toBe(1);
}, 60_000);

test('maintenance that is taken back while a guest shuts down starts it again, once', async () => {
  const host = await cloud.runVm('vm-1', { ...RESTART, stopTimeoutSeconds: 30 });
  cloud.sim.faults.set({ call: 'machine.delete', count: 0, action: { do: 'error', code: 'UNAVAILABLE' } });
  await maintain(host, true);
  await cloud.until(PATHS.vm('vm-1'), 'leaving', because('Evacuating'));
  await maintain(host, false);
  await cloud.until(PATHS.vm('vm-1'), 'running', (object) => isReady(object) && because('Running')(object));
  expect(cloud.runningOn('vm-1')).toEqual([host]);
  expect(cloud.mostCopies()).toBe(1);
}, 60_000);
